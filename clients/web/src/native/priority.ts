// The priority that a call asks for (docs/native-protocol.md §9): the metadata key `priority` of RFC 9218, as one byte.

import type { Metadata } from "../metadata.js";

const URGENCY_DEFAULT = 3;
const INCREMENTAL = 0x08;

/** The byte of a head; undefined when the call asks for nothing. */
export function priorityByte(metadata: Metadata): number | undefined {
  const field = metadata.get("priority");
  if (typeof field !== "string") {
    return undefined;
  }
  // RFC 9218 §4: what cannot be read is as if it were not there.
  const urgency = /(?:^|,)\s*u=([0-7])\s*(?:,|$)/.exec(field)?.[1];
  const isIncremental = /(?:^|,)\s*i(?:=\?1)?\s*(?:,|$)/.test(field);
  return Number(urgency ?? URGENCY_DEFAULT) | (isIncremental ? INCREMENTAL : 0);
}
