// The state folder: one stack at a time, secrets that stay, nothing half-written.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { announce, keptSecret, openState } from '../../dev/state.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-state-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const READY = { gateway: 'http://127.0.0.1:1', issuer: 'http://127.0.0.1:2', pid: 3 };

describe('openState', () => {
  it('is one at a time', () => {
    const state = openState(folder, false);
    expect(() => openState(folder, false)).toThrow(`in use by process ${process.pid}`);
    state.release();
    openState(folder, false).release();
  });

  it('takes over from a process that is gone', () => {
    // No process has a pid above the kernel's limit.
    writeFileSync(join(folder, 'lock'), '99999999\n');
    openState(folder, false).release();
  });

  it('takes over from a lock that was never finished', () => {
    writeFileSync(join(folder, 'lock'), '');
    openState(folder, false).release();
  });

  it('removes the ready.json of a run that was killed', () => {
    announce(openState(folder, false), READY);
    writeFileSync(join(folder, 'lock'), '99999999\n');
    openState(folder, false);
    expect(existsSync(join(folder, 'ready.json'))).toBe(false);
  });

  it('announces in whole and takes it back', () => {
    const state = openState(folder, false);
    announce(state, READY);
    expect(JSON.parse(readFileSync(join(folder, 'ready.json'), 'utf8'))).toEqual(READY);
    state.release();
    expect(existsSync(join(folder, 'ready.json'))).toBe(false);
    expect(existsSync(join(folder, 'lock'))).toBe(false);
  });

  it('starts afresh when asked, and only then', () => {
    writeFileSync(join(folder, 'kept'), '');
    openState(folder, false).release();
    expect(existsSync(join(folder, 'kept'))).toBe(true);
    openState(folder, true).release();
    expect(existsSync(join(folder, 'kept'))).toBe(false);
  });

  it('leaves a folder alone that somebody else uses, also when asked to start afresh', () => {
    const state = openState(folder, false);
    writeFileSync(join(folder, 'kept'), '');
    expect(() => openState(folder, true)).toThrow('in use');
    expect(existsSync(join(folder, 'kept'))).toBe(true);
    state.release();
  });
});

describe('keptSecret', () => {
  it('makes a value once per folder and name, for its owner only', () => {
    const state = openState(folder, false);
    const first = keptSecret(state, 'app');
    expect(first).toMatch(/^[\w-]{32}$/);
    expect(keptSecret(state, 'app')).toBe(first);
    expect(keptSecret(state, 'mint')).not.toBe(first);
    expect(statSync(join(folder, 'secrets.json')).mode & 0o077).toBe(0);
    state.release();
    expect(keptSecret(openState(folder, false), 'app')).toBe(first);
  });
});
