/**
 * What a manifest asks for, after reading and defaults, without any credential.
 * Every dialect of the manifest is read into this one shape.
 */
export interface TrainingSpec {
  readonly name: string;
  readonly description: string | null;
  readonly author: Author | null;
  readonly framework: FrameworkRequest;
  /** One line for the shell, exactly as the manifest's scalar reads; `${DATA_DIR}` is expanded by the shell, not by us. */
  readonly command: string;
  /** Devices for each learner. */
  readonly devices: number;
  readonly learners: number;
  /** Null: no training data; DATA_DIR is an empty folder. */
  readonly data: BucketReference | null;
  readonly results: BucketReference;
}

export interface Author {
  readonly name: string | null;
  readonly email: string | null;
}

export interface FrameworkRequest {
  readonly name: string;
  /** The source text of the scalar: `1.10` stays `1.10`, `1.2-py3` keeps its suffix. */
  readonly version: string;
}

/** A bucket and where it is. Credentials travel apart (`Credentials`) so that no answer, log or row can show them. */
export interface BucketReference {
  readonly bucket: string;
  /** The reference's own `name` in the manifest, where it has one. */
  readonly name: string | null;
  readonly connection: Connection;
}

export type Connection =
  /** `root` null is the embedded store, `home/buckets`. */
  | { readonly type: "directory"; readonly root: string | null }
  | { readonly type: "s3"; readonly endpointUrl: string; readonly region: string | null }
  | {
      readonly type: "swift";
      readonly authUrl: string;
      readonly region: string | null;
      readonly domainName: string | null;
      readonly projectId: string | null;
    };

/** The secret half of a connection. `directory` has none. */
export type ConnectionCredentials =
  | { readonly type: "s3"; readonly accessKeyId: string; readonly secretAccessKey: string }
  | { readonly type: "swift"; readonly userName: string; readonly password: string };

/** What a run needs to reach its buckets. Sealed where it enters, opened only where a connection is made. */
export interface Credentials {
  readonly data: ConnectionCredentials | null;
  readonly results: ConnectionCredentials | null;
}
