/** The same module for `import`: both ways lead to the same classes. */
export { LocalServer } from './testing.js';
export type * from './testing.js';
