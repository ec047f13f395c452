/** Reports a program that the suite needs and that is not installed. The message says how to install it. */
export class MissingToolError extends Error {}
