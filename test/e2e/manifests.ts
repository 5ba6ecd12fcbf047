/** The first complete example of the page of 2017, word for word, with endpoint and keys filled in and the command as given. */
export function s3Manifest(fields: {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly framework: string;
  readonly version: string;
  readonly command: string;
  readonly dataBucket?: string;
  readonly resultsBucket?: string;
  /** The page uses both spellings: `training_data` in its first example, `training_data_reference` in its second. */
  readonly suffix?: "" | "_reference";
}): string {
  return `model_definition:
  framework:
    name: ${fields.framework}
    version: ${fields.version}
  name: tf-mnist-showtest1
  author:
    name: WML User
    email: wmluser@ibm.com
  description: Simple MNIST model implemented in TF
  execution:
    command: ${fields.command}
    resource: small
training_data${fields.suffix ?? ""}:
- connection:
    endpoint_url: ${fields.endpoint}
    aws_access_key_id: ${fields.accessKeyId}
    aws_secret_access_key: ${fields.secretAccessKey}
  source:
    bucket: ${fields.dataBucket ?? "mnist-training-data"}
    type: s3
training_results${fields.suffix ?? ""}:
  connection:
    endpoint_url: ${fields.endpoint}
    aws_access_key_id: ${fields.accessKeyId}
    aws_secret_access_key: ${fields.secretAccessKey}
  target:
    bucket: ${fields.resultsBucket ?? "mnist-training-models"}
    type: s3
`;
}

/** The page's second shape (\`_reference\` keys), in the embedded directory store. */
export function directoryManifest(fields: {
  readonly command: string;
  readonly name?: string;
  readonly data?: string;
  readonly resource?: string;
}): string {
  const data =
    fields.data === undefined
      ? ""
      : `training_data_reference:
- source:
    bucket: ${fields.data}
    type: directory
`;
  return `model_definition:
  framework:
    name: shell
    version: any
  name: ${fields.name ?? "tf-mnist-showtest1"}
  execution:
    command: ${JSON.stringify(fields.command)}
    resource: ${fields.resource ?? "small"}
${data}training_results_reference:
  target:
    bucket: models
    type: directory
`;
}
