/** The same module for `import`: both ways lead to the same classes. */
export { AbortError, Row, SiftStreamError, Stream, errorCodes, eventNames } from './index.js';
export type * from './index.js';
