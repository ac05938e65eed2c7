/** What is told to users, in one line: bad input, not a fault of the program. */

/** The file is no `.rnic` file, is damaged, or asks for what no such file can hold. */
export class FormatError extends Error {
  name = "FormatError";
}

/** The file was made with another model, or the exported model is damaged. */
export class ModelError extends Error {
  name = "ModelError";
}

/** The bytes cannot be had: no such address, no network, another origin. */
export class SourceError extends Error {
  name = "SourceError";
}
