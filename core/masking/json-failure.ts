/** These bytes are not JSON, or not JSON that can be masked in bounded memory. Nothing of them may go on. */
export class JsonFailure extends Error {
  override readonly name = 'JsonFailure';
}
