/** The few requests that fill an empty Keystone; every one of them creates, so it is asked once only. */
export class KeystoneAdmin {
  readonly #authUrl: string;
  readonly #token: string;

  private constructor(authUrl: string, token: string) {
    this.#authUrl = authUrl;
    this.#token = token;
  }

  static async login(
    authUrl: string,
    user: { readonly name: string; readonly password: string; readonly domain: { readonly name: string } },
    project: object,
  ): Promise<KeystoneAdmin> {
    const auth = { identity: { methods: ["password"], password: { user } }, scope: { project } };
    const answer = await post(`${authUrl}/auth/tokens`, { auth }, {});
    return new KeystoneAdmin(authUrl, answer.headers.get("x-subject-token") ?? "");
  }

  async createDomain(name: string): Promise<string> {
    return this.#create("domains", "domain", { name });
  }

  async createProject(name: string, domainId: string): Promise<string> {
    return this.#create("projects", "project", { name, domain_id: domainId });
  }

  async createUser(name: string, password: string, domainId: string): Promise<string> {
    return this.#create("users", "user", { name, password, domain_id: domainId });
  }

  async grant(projectId: string, userId: string, role: string): Promise<void> {
    const roles = (await this.#get(`/roles?name=${role}`)) as { roles: readonly { id: string }[] };
    const url = `${this.#authUrl}/projects/${projectId}/users/${userId}/roles/${roles.roles[0]?.id ?? ""}`;
    const answer = await fetch(url, { method: "PUT", headers: { "x-auth-token": this.#token, connection: "close" } });
    if (!answer.ok) throw new Error(`Keystone: ${answer.status} for the role ${role}.`);
  }

  async createRegion(id: string): Promise<void> {
    await this.#create("regions", "region", { id });
  }

  async createService(type: string): Promise<string> {
    return this.#create("services", "service", { type, name: type });
  }

  async createEndpoint(serviceId: string, regionId: string, url: string): Promise<void> {
    for (const face of ["public", "internal"]) {
      // Only the public one leads anywhere, as for everybody outside the operator's own network.
      const leadsTo = face === "public" ? url : "http://127.0.0.1:1/internal";
      const endpoint = { service_id: serviceId, region_id: regionId, interface: face, url: leadsTo };
      await this.#create("endpoints", "endpoint", endpoint);
    }
  }

  /** A key pair for S3. */
  async createKeys(userId: string, projectId: string): Promise<{ accessKeyId: string; secretAccessKey: string }> {
    const path = `${this.#authUrl}/users/${userId}/credentials/OS-EC2`;
    const answer = await post(path, { tenant_id: projectId }, { "x-auth-token": this.#token });
    const { credential } = (await answer.json()) as { credential: { access: string; secret: string } };
    return { accessKeyId: credential.access, secretAccessKey: credential.secret };
  }

  async #create(plural: string, singular: string, thing: object): Promise<string> {
    const answer = await post(`${this.#authUrl}/${plural}`, { [singular]: thing }, { "x-auth-token": this.#token });
    const created = (await answer.json()) as Record<string, { id: string }>;
    return created[singular]?.id ?? "";
  }

  async #get(path: string): Promise<unknown> {
    const answer = await fetch(this.#authUrl + path, { headers: { "x-auth-token": this.#token, connection: "close" } });
    return answer.json();
  }
}

async function post(url: string, body: object, headers: Record<string, string>): Promise<Response> {
  const answer = await fetch(url, {
    method: "POST",
    body: JSON.stringify(body),
    // Its web server closes connections without saying so.
    headers: { "content-type": "application/json", connection: "close", ...headers },
  });
  if (!answer.ok) throw new Error(`Keystone: ${answer.status} for ${url}: ${await answer.text()}`);
  return answer;
}
