/** Something that the suite needs of the machine. Its message tells what to do, and nobody wants its stack. */
export class MissingTool extends Error {}
