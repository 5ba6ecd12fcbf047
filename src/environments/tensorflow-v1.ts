/**
 * Runs when an interpreter of the environment starts, and makes `import tensorflow` give TensorFlow 2's own module with
 * the interface of version 1: graphs, sessions and placeholders as the programs of 2017 expect them.
 */
export const TENSORFLOW_V1 = `
import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder


class Version1Finder(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)  # once: what TensorFlow imports of itself is its own business
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = Version1Loader(spec.loader)
        return spec


class Version1Loader(Loader):
    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        self.loader.exec_module(module)
        version1 = import_module("tensorflow.compat.v1")
        version1.disable_v2_behavior()
        # The import statement takes what stands here once the loader is done.
        sys.modules["tensorflow"] = version1


sys.meta_path.insert(0, Version1Finder())
`.trimStart();
