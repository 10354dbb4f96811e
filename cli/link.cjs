// Run by `npm ci` and `npm install` (the `prepare` script): makes `npx postern` find this repository's own command line.
// A `bin` in package.json does not: for the root package npx installs a link in its cache and changes the mode of the file
// in the repository, which fails for a user who does not own it. Never fails the installation.
'use strict';
var fs = require('fs');
var path = require('path');

var bin = path.join(__dirname, '..', 'node_modules', '.bin');
var target = '../../cli/postern.cjs';

try {
  fs.mkdirSync(bin, { recursive: true });
  if (process.platform === 'win32') {
    fs.writeFileSync(
      path.join(bin, 'postern.cmd'),
      '@node "%~dp0\\..\\..\\cli\\postern.cjs" %*\r\n',
    );
  } else {
    fs.rmSync(path.join(bin, 'postern'), { force: true });
    fs.symlinkSync(target, path.join(bin, 'postern'));
  }
} catch (error) {
  console.error('`npx postern` will not work (' + error.message + '); use `node cli/postern.cjs`.');
}
