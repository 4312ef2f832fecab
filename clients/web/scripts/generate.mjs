// Writes the TypeScript of the chat example anew: protoc-gen-es is fed the file descriptors that zrpc-gen left beside
// the generated Rust, so that neither protoc nor buf is needed.
//
//   npm run generate            writes it
//   npm run generate -- check   fails when what is checked in differs

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const package_root = join(dirname(fileURLToPath(import.meta.url)), "..");
const descriptors = join(package_root, "../../examples/chat/generated/zrpc.examples.chat.v1.binpb");
const generated = join(package_root, "examples/chat/src/generated");
const is_check = process.argv[2] === "check";

const set = fromBinary(FileDescriptorSetSchema, readFileSync(descriptors));
const wanted = set.file.filter((file) => !file.name.startsWith("google/protobuf/"));
const request = create(CodeGeneratorRequestSchema, {
  fileToGenerate: wanted.map((file) => file.name),
  parameter: "target=ts,import_extension=js",
  protoFile: set.file,
});
const plugin = join(package_root, "node_modules/.bin/protoc-gen-es");
const run = spawnSync(plugin, { input: toBinary(CodeGeneratorRequestSchema, request), stdio: ["pipe", "pipe", "inherit"] });
if (run.status !== 0) {
  console.error(`${plugin} failed${run.error ? `: ${run.error.message}` : ""}; is everything installed (npm ci)?`);
  process.exit(1);
}

const response = fromBinary(CodeGeneratorResponseSchema, run.stdout);
if (response.error) {
  console.error(response.error);
  process.exit(1);
}
for (const { name, content } of response.file) {
  const path = join(generated, name);
  if (!is_check) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  } else if (readFileSync(path, "utf8") !== content) {
    console.error(`${path} is not what the descriptors say; run: npm run generate`);
    process.exit(1);
  }
}
console.log(`${response.file.length} file(s) ${is_check ? "are as they should be" : "written"}`);
