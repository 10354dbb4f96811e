#!/usr/bin/env node
// The launcher. main.ts is TypeScript, which Node runs by itself since 22.18 and not before; an older Node is replaced by
// the one that `npm ci` installed here. This file is written for the oldest Node there may be: no newer syntax.
'use strict';
var path = require('path');
var fs = require('fs');
var childProcess = require('child_process');

var main = path.join(__dirname, 'main.ts');
var parts = process.versions.node.split('.').map(Number);
var runsTypeScript =
  parts[0] > 23 || (parts[0] === 23 && parts[1] >= 6) || (parts[0] === 22 && parts[1] >= 18);

if (runsTypeScript) {
  import(require('url').pathToFileURL(main).href).catch(function (error) {
    console.error(error);
    process.exitCode = 1;
  });
} else {
  var installed = path.join(__dirname, '..', 'node_modules', '.bin', 'node');
  if (fs.existsSync(installed)) {
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
}

/** Runs main.ts on another Node and ends as it ends. */
function replaceBy(node) {
  var child = childProcess.spawn(node, [main].concat(process.argv.slice(2)), { stdio: 'inherit' });
  var forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  forwarded.forEach(function (signal) {
    // A terminal sends SIGINT to the whole group; sending it twice would mean «now», so only the others are passed on.
    process.on(signal, function () {
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
