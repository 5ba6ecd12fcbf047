/** Begins each line that the probe program prints; whatever else an import prints is no answer. */
export const PROBE_MARK = "trainyard-probe ";

/**
 * Prints one JSON line about the interpreter, then two for each module named as an argument that is installed: before
 * and after really importing it, because an import may end the whole interpreter (a CPU without AVX) or never come
 * back, and then the last line says which one it was. Runs on Python 2.7 and everything since.
 */
export const PROBE_PROGRAM = `
import json, os, sys

def tell(**fact):
    sys.stdout.write("\\n${PROBE_MARK}" + json.dumps(fact) + "\\n")
    sys.stdout.flush()

def is_installed(name):
    try:
        from importlib.util import find_spec
    except ImportError:
        import imp
        try:
            imp.find_module(name)
            return True
        except ImportError:
            return False
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False

tell(kind="interpreter", executable=sys.executable, version="%d.%d.%d" % tuple(sys.version_info[:3]))
for name in sys.argv[1:]:
    if not is_installed(name):
        continue
    tell(kind="importing", module=name)
    try:
        module = __import__(name)
        version = getattr(module, "__version__", None)
        if version is None:
            tell(kind="failed", module=name, reason="the module has no __version__")
        else:
            tell(kind="module", module=name, version=str(version))
    except BaseException as error:
        first_line = (str(error).strip().splitlines() or [""])[0]
        tell(kind="failed", module=name, reason="%s: %s" % (type(error).__name__, first_line[:300]))
sys.stdout.flush()
os._exit(0)
`;
