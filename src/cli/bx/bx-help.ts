/** What `bx ml` says without a command: the client's text of November 2017, to the byte. */
export const BX_HELP = `NAME:
   bx ml - Manage machine learning lifecycle on Bluemix
USAGE:
   bx ml command [arguments...] [command options]
COMMANDS:
   show      Get detailed information about models/deployments/trained-models
   train     Start training a model
   delete    Delete a deployment/trained-model
   list      List all models/deployments/frameworks/trained-models
   version   show git hash and build time of cli
   deploy    Deploy a model for scoring
   score     Score the model. Sample scoring json format -  {"modelId": "sample", "deploymentId": "sample","payload": {"fields": [],"values": []}}
   help      Enter 'bx ml help [command]' for more information about a command.
`;

const NOUNS = "trained-models|training-runs";

/** How each command that is answered here is written, for `bx ml help COMMAND`. */
export const BX_USAGE: Readonly<Record<string, string>> = {
  train: "bx ml train PATH-TO-MODEL-DEFINITION-ZIP PATH-TO-MANIFEST-YAML",
  list: `bx ml list ${NOUNS}`,
  show: `bx ml show ${NOUNS} MODEL-ID`,
  delete: `bx ml delete ${NOUNS} MODEL-ID`,
  cancel: `bx ml cancel ${NOUNS} MODEL-ID`,
  monitor: `bx ml monitor ${NOUNS} MODEL-ID`,
  version: "bx ml version",
  help: "bx ml help [command]",
};
