// A byte connection to a target, whatever carries it (TCP, TLS, tunnel WebSocket, VPC). Made by dial.ts.

export interface Connection {
  /** The next bytes, valid until the next call; null at the end. Rejects when the connection broke. */
  read(): Promise<Uint8Array | null>;
  /** Resolves when the transport has taken the bytes; awaiting it is the back-pressure. */
  write(bytes: Uint8Array): Promise<void>;
  close(): void;
}
