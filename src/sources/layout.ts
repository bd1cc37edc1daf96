/** The folders that an extension may have at its top: an archive with only one of them is not packed with its folder. */
export const KEPT_AS_TOP: readonly string[] = ["tools", "ui", "services", "backend", "data"];
