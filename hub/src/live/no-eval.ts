/** Keeps zod from trying `new Function`, which the content security policy reports. Has to run before any schema is made. */
import { config } from "zod";

config({ jitless: true });
