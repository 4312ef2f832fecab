// What HELLO says (docs/native-protocol.md §5): settings, their defaults and their ranges.

import { Reader, text, utf8, Writer } from "./bytes.js";
import { ErrorCode, NativeError } from "./error.js";

/** Settings of one side. */
export interface Settings {
  /** Calls that may be open at once. */
  maxCalls: number;
  /** Bytes that each call's messages to this side may cost ahead. */
  initialCredit: number;
  maxMessageBytes: number;
  maxMetadataBytes: number;
  /** Names that this side remembers. */
  maxInterned: number;
  /** Bits of the encodings that this side reads. */
  encodings: number;
  /** Attachments that this side takes with one message. */
  attachments: number;
  pingIntervalMinMs: number;
  maxFrameBytes: number;
  authority: string;
  agent: string;
}

/** What holds before HELLO, and for each setting that HELLO leaves out. */
export const DEFAULTS: Readonly<Settings> = {
  maxCalls: 100,
  initialCredit: 65_536,
  maxMessageBytes: 4_194_304,
  maxMetadataBytes: 16_384,
  maxInterned: 0,
  encodings: 0,
  attachments: 0,
  pingIntervalMinMs: 0,
  maxFrameBytes: 65_536,
  authority: "",
  agent: "",
};

type NumberName = { [K in keyof Settings]: Settings[K] extends number ? K : never }[keyof Settings];
type TextName = { [K in keyof Settings]: Settings[K] extends string ? K : never }[keyof Settings];

interface NumberSetting {
  id: number;
  name: NumberName;
  min: number;
  max: number;
}

const NUMBERS: readonly NumberSetting[] = [
  { id: 0x00, name: "maxCalls", min: 0, max: Infinity },
  { id: 0x02, name: "initialCredit", min: 1024, max: 2 ** 31 - 1 },
  { id: 0x04, name: "maxMessageBytes", min: 0, max: Infinity },
  { id: 0x06, name: "maxMetadataBytes", min: 0, max: Infinity },
  { id: 0x08, name: "maxInterned", min: 0, max: 1024 },
  { id: 0x0a, name: "encodings", min: 0, max: Infinity },
  { id: 0x0c, name: "attachments", min: 0, max: 64 },
  { id: 0x0e, name: "pingIntervalMinMs", min: 0, max: Infinity },
  { id: 0x10, name: "maxFrameBytes", min: 16_384, max: 16_777_215 },
];

const TEXTS: readonly { id: number; name: TextName }[] = [
  { id: 0x01, name: "authority" },
  { id: 0x03, name: "agent" },
];

/** Reads the body of a HELLO. */
export function readSettings(body: Reader): Settings {
  const settings = { ...DEFAULTS };
  const seen = new Set<number>();
  while (!body.isDone) {
    const id = body.varint();
    if (seen.has(id)) {
      throw new NativeError(ErrorCode.PROTOCOL, `setting ${id} came twice`);
    }
    seen.add(id);
    if (id % 2 === 1) {
      const value = text(body.string());
      const setting = TEXTS.find((known) => known.id === id);
      if (setting) settings[setting.name] = value;
      continue;
    }
    const value = body.varint();
    const setting = NUMBERS.find((known) => known.id === id);
    if (setting && (value < setting.min || value > setting.max)) {
      throw new NativeError(ErrorCode.PROTOCOL, `setting ${setting.name} is ${value}; it must be ${setting.min} to ${setting.max}`);
    }
    if (setting) settings[setting.name] = value;
  }
  return settings;
}

/** Writes those that differ from the defaults. */
export function writeSettings(settings: Settings, to: Writer): void {
  for (const { id, name } of NUMBERS) {
    if (settings[name] !== DEFAULTS[name]) to.varint(id).varint(settings[name]);
  }
  for (const { id, name } of TEXTS) {
    if (settings[name] !== DEFAULTS[name]) to.varint(id).string(utf8(settings[name]));
  }
}
