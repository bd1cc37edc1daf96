/** An authenticator in software: makes and uses passkeys byte for byte as WebAuthn has them, also wrongly on request. */
import {
  createHash,
  createSign,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";

type Cbor = number | string | Uint8Array | Map<Cbor, Cbor>;

function head(major: number, value: number): Buffer {
  if (value < 24) return Buffer.from([(major << 5) | value]);
  if (value < 256) return Buffer.from([(major << 5) | 24, value]);
  return Buffer.from([(major << 5) | 25, value >> 8, value & 255]);
}

/** As much of RFC 8949 as an attestation needs. */
function cbor(value: Cbor): Buffer {
  if (typeof value === "number") return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === "string") {
    const bytes = Buffer.from(value);
    return Buffer.concat([head(3, bytes.length), bytes]);
  }
  if (value instanceof Map) {
    const entries = [...value].flatMap(([key, one]) => [cbor(key), cbor(one)]);
    return Buffer.concat([head(5, value.size), ...entries]);
  }
  return Buffer.concat([head(2, value.length), value]);
}

const sha256 = (data: string | Uint8Array): Buffer => createHash("sha256").update(data).digest();
const base64url = (data: Uint8Array): string => Buffer.from(data).toString("base64url");

const PRESENT = 1;
const VERIFIED = 4;
const ATTESTED = 64;

interface Told {
  origin: string;
  rpId: string;
  challenge: string;
  /** Whether the person proved to be the one, by a finger or a number. */
  verified?: boolean;
  /** "webauthn.create" and "webauthn.get", unless said otherwise. */
  type?: string;
}

export class SoftAuthenticator {
  readonly id: string = base64url(randomBytes(32));
  /** Of the next use; an authenticator that does not count always says 0. */
  counter = 1;
  readonly #privateKey: KeyObject;
  readonly #publicKey: Buffer;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { x = "", y = "" } = publicKey.export({ format: "jwk" });
    this.#privateKey = privateKey;
    // COSE_Key: kty EC2, alg ES256, crv P-256, x, y.
    this.#publicKey = cbor(
      new Map<Cbor, Cbor>([
        ...([
          [1, 2],
          [3, -7],
          [-1, 1],
        ] as const),
        [-2, Buffer.from(x, "base64url")],
        [-3, Buffer.from(y, "base64url")],
      ]),
    );
  }

  /** The answer to the options of a registration. */
  create(told: Told) {
    const id = Buffer.from(this.id, "base64url");
    const length = Buffer.from([id.length >> 8, id.length & 255]);
    const attested = Buffer.concat([Buffer.alloc(16), length, id, this.#publicKey]);
    const authData = Buffer.concat([this.#data(told, ATTESTED), attested]);
    const attestation = new Map<Cbor, Cbor>([
      ["fmt", "none"],
      ["attStmt", new Map()],
      ["authData", authData],
    ]);
    return {
      id: this.id,
      response: {
        clientDataJSON: base64url(this.#clientData(told, "webauthn.create")),
        attestationObject: base64url(cbor(attestation)),
        transports: ["internal"],
      },
    };
  }

  /** The answer to the options of a sign-in; counts. */
  get(told: Told) {
    const authenticatorData = this.#data(told, 0);
    const clientData = this.#clientData(told, "webauthn.get");
    const signed = Buffer.concat([authenticatorData, sha256(clientData)]);
    const signature = createSign("sha256").update(signed).sign(this.#privateKey);
    return {
      id: this.id,
      response: {
        clientDataJSON: base64url(clientData),
        authenticatorData: base64url(authenticatorData),
        signature: base64url(signature),
      },
    };
  }

  #clientData({ challenge, origin, type }: Told, usualType: string): Buffer {
    const data = { type: type ?? usualType, challenge, origin, crossOrigin: false };
    return Buffer.from(JSON.stringify(data));
  }

  #data({ rpId, verified = true }: Told, more: number): Buffer {
    const flags = PRESENT | (verified ? VERIFIED : 0) | more;
    const count = Buffer.alloc(4);
    count.writeUInt32BE(this.counter);
    if (this.counter > 0) this.counter += 1;
    return Buffer.concat([sha256(rpId), Buffer.from([flags]), count]);
  }
}
