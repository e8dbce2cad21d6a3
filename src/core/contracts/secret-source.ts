/** One thing that a source keeps, such as a secret of Vault: a text, or texts by name. */
export interface SecretDocument {
  /** All of it; null where it has only fields. */
  readonly text: string | null;
  readonly fields: Readonly<Record<string, string>>;
  /** How long it holds by the source's own word; null: it does not say. */
  readonly leaseMs: number | null;
}

/** Where secrets are kept that a configuration refers to. */
export interface SecretSource {
  /** @throws Error that says what is wrong and shows nothing of any secret. */
  fetch(path: string): Promise<SecretDocument>;
}

/** Where they are, and how the gateway gets at them. Absent: the source's own defaults, or there is none. */
export interface SecretSettings {
  /** How often they are looked at anew, where no lease says. */
  readonly refreshMs: number;
  readonly vault: VaultSettings | null;
  readonly aws: AwsSecretSettings;
  readonly gcp: GcpSecretSettings;
  readonly kubernetes: KubernetesSettings;
}

export interface VaultSettings {
  readonly address: string;
  readonly namespace: string | null;
  /** Version of its key-value store; 1: paths are asked for as they are written. */
  readonly kv: 1 | 2;
  readonly ca: string | null;
  readonly login:
    | { readonly kind: 'token'; readonly token: string }
    | { readonly kind: 'app-role'; readonly roleId: string; readonly secretId: string }
    | {
        readonly kind: 'kubernetes';
        readonly role: string;
        readonly mount: string;
        readonly tokenFile: string;
      };
}

export interface AwsSecretSettings {
  readonly endpoint: string | null;
  /** As of the signer: `region`, `accessKeyId`, … */
  readonly signing: Readonly<Record<string, string>>;
}

export interface GcpSecretSettings {
  readonly endpoint: string;
  /** JSON of a credential; null: as Google's own libraries find it. */
  readonly credentials: string | null;
}

export interface KubernetesSettings {
  /** Null: as the environment of a pod says. */
  readonly server: string | null;
  readonly tokenFile: string;
  /** PEM, or null: that of the pod. */
  readonly ca: string | null;
}
