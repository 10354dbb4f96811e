import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../core/bytes.ts';
import { readMessage } from '../../../core/mcp-target/message.ts';

const read = (text: string) => readMessage(utf8(text));
const call = (params: object, more: object = {}) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params, ...more });

describe('a message to an MCP server', () => {
  it('is read into what rules know of it', () => {
    const message = read(call({ name: 'refund', arguments: { amount: 12 } }));
    expect(message).toMatchObject({
      ok: true,
      value: {
        id: 1,
        method: 'tools/call',
        facts: { method: 'tools/call', tool: 'refund', arguments: { amount: 12 } },
      },
    });
  });

  it('has the same effect whatever its id, its order and its progress token', () => {
    const effect = (text: string): string => {
      const message = read(text);
      if (!message.ok) throw new Error(message.code);
      return message.value.effect;
    };
    const one = effect(call({ name: 'a', arguments: { x: 1, y: 2 } }));
    const again = call(
      { arguments: { y: 2, x: 1 }, name: 'a', _meta: { progressToken: 7 } },
      { id: 'x' },
    );
    expect(effect(again)).toBe(one);
    expect(effect(call({ name: 'a', arguments: { x: 1, y: 3 } }))).not.toBe(one);
  });

  it.each([
    ['a batch', `[${call({ name: 'a' })}]`, 'mcp_batch'],
    ['no JSON', '{"jsonrpc":"2.0"', 'mcp_json_unparsable'],
    ['a key twice', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 'mcp_json_duplicate_key'],
    [
      'a key twice in another case',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}',
      'mcp_json_duplicate_key',
    ],
    [
      'a number that a double does not hold',
      call({ name: 'a' }).replace('"id":1', '"id":9007199254740993'),
      'mcp_json_number',
    ],
    ['no version', '{"id":1,"method":"ping"}', 'mcp_message'],
    ['an id that is null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 'mcp_message'],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"ping"}', 'mcp_message'],
    ['an answer', '{"jsonrpc":"2.0","id":1,"result":{}}', 'mcp_message'],
    ['a member that nobody knows', call({ name: 'a' }, { extra: 1 }), 'mcp_message'],
    [
      'a method that never passes',
      '{"jsonrpc":"2.0","id":1,"method":"tools/install"}',
      'mcp_method',
    ],
    ['a method in another case', '{"jsonrpc":"2.0","id":1,"method":"Tools/Call"}', 'mcp_method'],
    ['a method of a prototype', '{"jsonrpc":"2.0","id":1,"method":"constructor"}', 'mcp_method'],
    [
      'a call that is a notification',
      '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}',
      'mcp_message',
    ],
    ['params that nobody knows', call({ name: 'a', task: {} }), 'mcp_params'],
    ['arguments that are a text', call({ name: 'a', arguments: '{}' }), 'mcp_params'],
    ['a name that is a list', call({ name: ['a'] }), 'mcp_params'],
    ['a byte order mark', `\uFEFF${call({ name: 'a' })}`, 'mcp_json_text'],
  ])('is refused with %s', (_, text, code) => {
    expect(read(text)).toMatchObject({ ok: false, code });
  });
});
