import { ZipFile } from "yazl";
import { buffer } from "node:stream/consumers";

/** A manifest of the page's shape that needs nothing from outside. */
export const MANIFEST = `model_definition:
  name: tf-mnist
  framework:
    name: tensorflow
    version: 1.2-py3
  execution:
    command: python3 convolutional_network.py
    resource: small
training_data:
- source:
    bucket: mnist-training-data
    type: directory
training_results:
  target:
    bucket: mnist-training-models
    type: directory
`;

const LONG_AGO = new Date(1990, 0, 1);

/** The model definition that goes with it. */
export async function modelZip(files: Readonly<Record<string, string>> = { "convolutional_network.py": "print(1)\n" }) {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) zip.addBuffer(Buffer.from(content), name, { mtime: LONG_AGO });
  zip.end();
  return await buffer(zip.outputStream);
}
