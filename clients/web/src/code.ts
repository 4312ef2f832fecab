// The seventeen status codes of gRPC, and what stands for them where only HTTP answered.

/** How a call ended, as a number on the wire. */
export enum Code {
  OK = 0,
  /** The call was cancelled, usually by its caller. */
  CANCELLED = 1,
  /** An error of which nothing more is known. */
  UNKNOWN = 2,
  /** The request is wrong whatever the state of the system. */
  INVALID_ARGUMENT = 3,
  /** The deadline passed before the call was over. */
  DEADLINE_EXCEEDED = 4,
  /** What was asked for does not exist. */
  NOT_FOUND = 5,
  /** What was to be created exists. */
  ALREADY_EXISTS = 6,
  /** The caller may not do this. */
  PERMISSION_DENIED = 7,
  /** A quota, limit or buffer is used up. */
  RESOURCE_EXHAUSTED = 8,
  /** The system is not in the state that the call needs. */
  FAILED_PRECONDITION = 9,
  /** The call lost against a concurrent one. */
  ABORTED = 10,
  /** The call went past the end of what is valid. */
  OUT_OF_RANGE = 11,
  /** The server has no such method. */
  UNIMPLEMENTED = 12,
  /** An invariant is broken, here or there. */
  INTERNAL = 13,
  /** The server cannot be reached, or does not take calls now; try again. */
  UNAVAILABLE = 14,
  /** Data is lost for good. */
  DATA_LOSS = 15,
  /** It is not known who calls. */
  UNAUTHENTICATED = 16,
}

/** The code with this number; UNKNOWN for numbers that gRPC does not define. */
export function codeOf(number: number): Code {
  return Code[number] === undefined ? Code.UNKNOWN : number;
}

/** The code for an HTTP status that came without a gRPC status, by gRPC's own table. */
export function codeOfHttpStatus(status: number): Code {
  switch (status) {
    case 400:
      return Code.INTERNAL;
    case 401:
      return Code.UNAUTHENTICATED;
    case 403:
      return Code.PERMISSION_DENIED;
    case 404:
      return Code.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code.UNAVAILABLE;
    default:
      return Code.UNKNOWN;
  }
}
