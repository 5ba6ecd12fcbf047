/** How this service comes to know that a framework works here. */
type Discovery =
  /** A Python that imports this module. */
  | { readonly by: "python_module"; readonly module: string }
  | { readonly by: "python" }
  | { readonly by: "node" }
  | { readonly by: "built_in" }
  /** Never found by itself: only an entry of the operator's configuration brings it. */
  | { readonly by: "configuration" };

/** A framework as manifests name it. Knowing a name does not mean that it is here. */
export interface Framework {
  /** Canonical, lower case; what a manifest writes. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly discovery: Discovery;
  /** What `apt-get install` needs on Debian 12 and Ubuntu; empty where they have no package. */
  readonly debianPackages: readonly string[];
  readonly pipPackage: string | null;
  /** The versions that the service of 2017-18 offered under this name, as its users wrote them. */
  readonly versionsThen: readonly string[];
}

// Debian's default BLAS is the reference one, 24 times slower at matrix products than OpenBLAS; nothing depends on
// the fast one, so it has to be named.
const OPENBLAS = "libopenblas0-pthread";

const FRAMEWORKS: readonly Framework[] = [
  pythonModule("pytorch", "PyTorch", "torch", ["python3-torch", OPENBLAS], "torch"),
  pythonModule("scikit-learn", "scikit-learn", "sklearn", ["python3-sklearn", OPENBLAS], "scikit-learn", ["0.17"]),
  pythonModule("numpy", "NumPy", "numpy", ["python3-numpy", OPENBLAS], "numpy"),
  pythonModule("xgboost", "XGBoost", "xgboost", ["python3-xgboost"], "xgboost"),
  pythonModule("lightgbm", "LightGBM", "lightgbm", [], "lightgbm"),
  pythonModule("jax", "JAX", "jax", [], "jax"),
  pythonModule("mxnet", "MXNet", "mxnet", [], "mxnet", ["0.10"]),
  pythonModule("theano", "Theano", "theano", [], "Theano", ["0.10"]),
  pythonModule("tensorflow", "TensorFlow", "tensorflow", [], "tensorflow", [
    "1.2-py2",
    "1.2-py3",
    "1.3-py2",
    "1.3-py3",
    "1.5",
  ]),
  // After TensorFlow, which Keras imports itself: the probe then names the right one of the two when an import breaks.
  pythonModule("keras", "Keras", "keras", [], "keras", ["2.1.3"]),
  plain("python", "Python", "python", ["python3"]),
  plain("node", "Node", "node", ["nodejs"]),
  plain("shell", "Shell", "built_in", []),
  configuredOnly("tensorflow-v1", "TensorFlow 1 interface", []),
  configuredOnly("caffe", "Caffe", ["1.0-py2"]),
  configuredOnly("caffe2", "Caffe2", ["0.8"]),
  configuredOnly("torch", "Torch7", ["luajit", "lua52"]),
  configuredOnly("tensorflow-ddl", "TensorFlow with IBM DDL", ["1.5"]),
  configuredOnly("tensorflow-horovod", "TensorFlow with Horovod", ["1.5"]),
];

/** Other spellings of the same thing. `torch` is not among them: then, it meant Lua Torch7. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["sklearn", "scikit-learn"],
  ["scikit_learn", "scikit-learn"],
  ["nodejs", "node"],
  ["node.js", "node"],
  ["python3", "python"],
]);

const BY_NAME: ReadonlyMap<string, Framework> = new Map(FRAMEWORKS.map((framework) => [framework.name, framework]));

/** The name under which this service knows a framework; unknown names come back in lower case. */
export function canonicalFrameworkName(text: string): string {
  const name = text.trim().toLowerCase();
  return ALIASES.get(name) ?? name;
}

export function knownFramework(name: string): Framework | undefined {
  return BY_NAME.get(name);
}

export function knownFrameworkNames(): readonly string[] {
  return FRAMEWORKS.map((framework) => framework.name);
}

/** The Python module by which a framework is recognised; null where there is none. */
export function moduleOf(framework: string): string | null {
  const discovery = knownFramework(canonicalFrameworkName(framework))?.discovery;
  return discovery?.by === "python_module" ? discovery.module : null;
}

/** What the Python probe tries to import, in this order. */
export function probedModules(): readonly { readonly framework: Framework; readonly module: string }[] {
  return FRAMEWORKS.flatMap((framework) =>
    framework.discovery.by === "python_module" ? [{ framework, module: framework.discovery.module }] : [],
  );
}

function pythonModule(
  name: string,
  title: string,
  module: string,
  debianPackages: readonly string[],
  pipPackage: string,
  versionsThen: readonly string[] = [],
): Framework {
  return { name, title, discovery: { by: "python_module", module }, debianPackages, pipPackage, versionsThen };
}

function plain(
  name: string,
  title: string,
  by: Exclude<Discovery["by"], "python_module">,
  debianPackages: readonly string[],
): Framework {
  return { name, title, discovery: { by }, debianPackages, pipPackage: null, versionsThen: [] };
}

function configuredOnly(name: string, title: string, versionsThen: readonly string[]): Framework {
  return { ...plain(name, title, "configuration", []), versionsThen };
}
