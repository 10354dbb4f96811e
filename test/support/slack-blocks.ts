// Whether Slack would take a message: the limits of Block Kit as docs.slack.dev/reference/block-kit gives them, for the
// blocks that a Slack app of ours may use. Anything else is refused, as Slack refuses properties that it does not know.

type Json = Record<string, unknown>;

/** What is wrong, as `path: problem`; empty for a message that Slack takes. */
export function blockProblems(blocks: unknown): string[] {
  if (!Array.isArray(blocks)) return ['blocks: must be an array'];
  if (blocks.length > 50) return ['blocks: no more than 50 items allowed'];
  return blocks.flatMap((block, index) => block_(block, `blocks/${index}`));
}

/** Everything in mrkdwn that Slack would parse: `<…>` control sequences, as they stand. */
export function markup(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(markup);
  if (!isJson(value)) return [];
  if (value['type'] === 'mrkdwn' && typeof value['text'] === 'string') {
    return value['text'].match(/<[^>]*>?/g) ?? [];
  }
  return Object.values(value).flatMap(markup);
}

function block_(block: unknown, path: string): string[] {
  if (!isJson(block)) return [`${path}: must be an object`];
  switch (block['type']) {
    case 'section':
      return section(block, path);
    case 'header':
      return [
        ...keys(block, path, ['type', 'block_id', 'text']),
        ...textObject(block['text'], `${path}/text`, 150, ['plain_text']),
      ];
    case 'divider':
      return keys(block, path, ['type', 'block_id']);
    case 'context':
      return [
        ...keys(block, path, ['type', 'block_id', 'elements']),
        ...list(block['elements'], `${path}/elements`, 10, (element, at) =>
          textObject(element, at, 3000, ['plain_text', 'mrkdwn']),
        ),
      ];
    case 'actions':
      return [
        ...keys(block, path, ['type', 'block_id', 'elements']),
        ...list(block['elements'], `${path}/elements`, 25, button),
        ...distinctActions(block['elements'], path),
      ];
    default:
      return [`${path}: unsupported type: ${String(block['type'])}`];
  }
}

function section(block: Json, path: string): string[] {
  const { text, fields, expand } = block;
  return [
    ...keys(block, path, ['type', 'block_id', 'text', 'fields', 'expand']),
    ...(text === undefined && fields === undefined ? [`${path}: must have text or fields`] : []),
    ...(text === undefined ? [] : textObject(text, `${path}/text`, 3000, ['plain_text', 'mrkdwn'])),
    ...(fields === undefined
      ? []
      : list(fields, `${path}/fields`, 10, (field, at) =>
          textObject(field, at, 2000, ['plain_text', 'mrkdwn']),
        )),
    ...(expand === undefined || typeof expand === 'boolean' ? [] : [`${path}/expand: boolean`]),
  ];
}

function button(element: unknown, path: string): string[] {
  if (!isJson(element)) return [`${path}: must be an object`];
  if (element['type'] !== 'button')
    return [`${path}: unsupported type: ${String(element['type'])}`];
  const { style, confirm } = element;
  return [
    ...keys(element, path, ['type', 'action_id', 'text', 'value', 'url', 'style', 'confirm']),
    ...textObject(element['text'], `${path}/text`, 75, ['plain_text']),
    ...string(element['action_id'], `${path}/action_id`, 255),
    ...(element['value'] === undefined ? [] : string(element['value'], `${path}/value`, 2000)),
    ...(element['url'] === undefined ? [] : string(element['url'], `${path}/url`, 3000)),
    ...(style === undefined || style === 'primary' || style === 'danger' ? [] : [`${path}/style`]),
    ...(confirm === undefined ? [] : dialog(confirm, `${path}/confirm`)),
  ];
}

function dialog(confirm: unknown, path: string): string[] {
  if (!isJson(confirm)) return [`${path}: must be an object`];
  return [
    ...keys(confirm, path, ['title', 'text', 'confirm', 'deny', 'style']),
    ...textObject(confirm['title'], `${path}/title`, 100, ['plain_text']),
    ...textObject(confirm['text'], `${path}/text`, 300, ['plain_text']),
    ...textObject(confirm['confirm'], `${path}/confirm`, 30, ['plain_text']),
    ...textObject(confirm['deny'], `${path}/deny`, 30, ['plain_text']),
  ];
}

function textObject(value: unknown, path: string, max: number, types: string[]): string[] {
  if (!isJson(value)) return [`${path}: must be a text object`];
  const type = String(value['type']);
  if (!types.includes(type)) return [`${path}: unsupported type: ${type}`];
  const extra = type === 'mrkdwn' ? 'verbatim' : 'emoji';
  return [
    ...keys(value, path, ['type', 'text', extra]),
    ...string(value['text'], `${path}/text`, max),
  ];
}

function distinctActions(elements: unknown, path: string): string[] {
  const ids = (Array.isArray(elements) ? elements : []).map(
    (element: Json) => element['action_id'],
  );
  return new Set(ids).size === ids.length ? [] : [`${path}: action_id already exists`];
}

function list(
  value: unknown,
  path: string,
  max: number,
  each: (item: unknown, path: string) => string[],
): string[] {
  if (!Array.isArray(value) || value.length === 0) return [`${path}: must not be empty`];
  if (value.length > max) return [`${path}: no more than ${max} items allowed`];
  return value.flatMap((item, index) => each(item, `${path}/${index}`));
}

function string(value: unknown, path: string, max: number): string[] {
  if (typeof value !== 'string' || value === '') return [`${path}: must be more than 0 characters`];
  return value.length > max ? [`${path}: must be less than ${max + 1} characters`] : [];
}

function keys(value: Json, path: string, known: string[]): string[] {
  return Object.keys(value).flatMap((key) =>
    known.includes(key) ? [] : [`${path}: invalid additional property: ${key}`],
  );
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
