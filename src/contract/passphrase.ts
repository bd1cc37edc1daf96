/** What a passphrase may be: known to the server, the command line and the Hub's form alike. */

/** Characters. It is the one thing that signs in, so it is longer than a second factor's companion has to be. */
export const PASSPHRASE_LENGTH_MIN = 12;
/** Enough for any sentence, too little to keep a processor busy. */
export const PASSPHRASE_LENGTH_MAX = 256;
