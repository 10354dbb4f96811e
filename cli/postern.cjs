#!/usr/bin/env node
// The launcher. main.ts is TypeScript, which Node runs by itself since 22.18 and not before; an older Node is replaced by
// the one that `npm ci` installed here. This file is written for the oldest Node there may be: no newer syntax.
'use strict';
var childProcess = require('child_process');
var fs = require('fs');
var os = require('os');
var path = require('path');

var main = path.join(__dirname, 'main.ts');
var parts = process.versions.node.split('.').map(Number);
var runsTypeScript =
  parts[0] > 23 || (parts[0] === 23 && parts[1] >= 6) || (parts[0] === 22 && parts[1] >= 18);
var installed = path.join(__dirname, '..', 'node_modules', '.bin', 'node');

if (runsTypeScript) {
  keepCompiled();
  import(require('url').pathToFileURL(main).href).catch(function (error) {
    console.error(error);
    process.exitCode = 1;
  });
} else if (
  fs.existsSync(installed) &&
  fs.realpathSync(installed) !== fs.realpathSync(process.execPath)
) {
  replaceBy(installed);
} else {
  console.error(
    'postern: this is Node ' +
      process.versions.node +
      '; postern needs Node 22.18 or newer.\n' +
      '         Run `npm ci` in ' +
      path.join(__dirname, '..') +
      ', which installs one, or start it with a newer Node.',
  );
  process.exitCode = 1;
}

/**
 * Halves the time to start. In the user's own cache, never in the shared folder for temporary files that Node would take:
 * whoever can write there could have this user run their code.
 */
function keepCompiled() {
  try {
    var cache = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
    if (!path.isAbsolute(cache)) return;
    var directory = path.join(cache, 'postern');
    fs.mkdirSync(directory, { recursive: true, mode: 448 }); // 0700
    var stat = fs.statSync(directory);
    if (process.getuid && (stat.uid !== process.getuid() || (stat.mode & 18) !== 0)) return; // 022
    require('module').enableCompileCache(directory);
  } catch (error) {
    void error; // without a home there is no cache, and nothing else is missing
  }
}

/** Runs this file on another Node and ends as it ends. */
function replaceBy(node) {
  var args = [__filename].concat(process.argv.slice(2));
  var child = childProcess.spawn(node, args, { stdio: 'inherit' });
  var forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  forwarded.forEach(function (signal) {
    process.on(signal, function () {
      // A terminal sends SIGINT to the whole group; a second one would often mean «at once».
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  });
  child.on('error', function (error) {
    console.error('postern: ' + node + ' cannot be started: ' + error.message);
    process.exitCode = 1;
  });
  child.on('exit', function (code, signal) {
    forwarded.forEach(function (name) {
      process.removeAllListeners(name);
    });
    if (signal) process.kill(process.pid, signal);
    else process.exitCode = code;
  });
}
