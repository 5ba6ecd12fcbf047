const HEAD = `NAME:
   bx ml - Manage machine learning lifecycle on Bluemix
USAGE:
   bx ml command [arguments...] [command options]
COMMANDS:
`;

const SCORE = `   score     Score the model. Sample scoring json format -  {"modelId": "sample", "deploymentId": "sample","payload": {"fields": [],"values": []}}
`;

/** What `bx ml help` said in November 2017, to the byte. */
const HELP_2017 = `${HEAD}   show      Get detailed information about models/deployments/trained-models
   train     Start training a model
   delete    Delete a deployment/trained-model
   list      List all models/deployments/frameworks/trained-models
   version   show git hash and build time of cli
   deploy    Deploy a model for scoring
${SCORE}   help      Enter 'bx ml help [command]' for more information about a command.
`;

/** What it said in 2018, to the byte, with the client's own slip of the pen. */
const HELP_2018 = `${HEAD}   show      Get detailed information about models/deployments/training-runs
   train     Start training a model
   delete    Delete a model/deployment/training-run
   cancel    Cancel training a model
   list      List all models/deployments/training-runs
   monitor   Start fetching status messages of a training-run
   version   show git hash and build time of cli
   deploy    Deploy a model for scoring
${SCORE}   store     Store model to WML repostory
   help

Enter 'bx ml help [command]' for more information about a command.
`;

const NOUNS = "trained-models|training-runs";

interface CommandHelp {
  readonly summary: string;
  readonly usage: string;
}

/** Every command that is answered here, for `bx ml help COMMAND` and for the reference. */
export const BX_COMMANDS: Readonly<Record<string, CommandHelp>> = {
  train: {
    summary: "Start training a model",
    usage: "bx ml train PATH-TO-MODEL-DEFINITION-ZIP PATH-TO-MANIFEST-YAML",
  },
  list: { summary: "List all training runs, or all frameworks", usage: `bx ml list ${NOUNS}|frameworks` },
  show: { summary: "Get detailed information about a training run", usage: `bx ml show ${NOUNS} MODEL-ID` },
  monitor: {
    summary: "Start fetching status messages and the log of a training run",
    usage: `bx ml monitor ${NOUNS} MODEL-ID [logs [last LINES]|metrics]`,
  },
  cancel: { summary: "Cancel training a model", usage: `bx ml cancel ${NOUNS} MODEL-ID` },
  delete: { summary: "Delete a training run's history", usage: `bx ml delete ${NOUNS} MODEL-ID` },
  "generate-manifest": {
    summary: "Generate a sample manifest file in this folder",
    usage: "bx ml generate-manifest training-runs|training-definitions|experiments",
  },
  store: {
    summary: "Say where the trained model lies; there is no repository to store it in",
    usage: `bx ml store ${NOUNS} MODEL-ID`,
  },
  deploy: { summary: "Not part of Trainyard, which trains models and does not serve them", usage: "bx ml deploy ..." },
  score: { summary: "Not part of Trainyard, which trains models and does not serve them", usage: "bx ml score ..." },
  version: { summary: "Show git hash and build time of cli", usage: "bx ml version" },
  help: { summary: "Show help, of everything or of one command", usage: `bx ml help [COMMAND|${NOUNS}]` },
};

/**
 * The help for a topic; undefined for one that is not known. As everywhere in `bx ml`, the noun picks the year. Without
 * one it is 2018, whose list has `monitor` and `cancel`.
 */
export function bxHelp(topic: string | undefined): string | undefined {
  if (topic === undefined || topic === "training-runs") return HELP_2018;
  if (topic === "trained-models") return HELP_2017;
  const command = Object.hasOwn(BX_COMMANDS, topic) ? BX_COMMANDS[topic] : undefined;
  if (command === undefined) return undefined;
  return `NAME:\n   ${topic} - ${command.summary}\nUSAGE:\n   ${command.usage}\n`;
}
