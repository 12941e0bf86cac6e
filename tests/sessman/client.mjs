// A client of sessman as programs for pserve have it: it speaks on the wire exactly as the class that pserve's
// guide shows, down to its content type, and takes the same replies. Written anew.

export class Session {
    constructor(user, { base_url, auth = null, data = {} }) {
        Object.assign(this, { user, base_url, auth, data });
    }

    static async create(user, options) {
        const session = new Session(user, options);
        await session.begin();
        return session;
    }

    async call(command, name, value, data) {
        const headers = { "Content-type": "text/javascript" };
        if (this.auth) headers["Authorization"] = `Bearer ${this.auth}`;
        const answer = await fetch(`${this.base_url}/${command}?${name}=${value}`, {
            headers,
            method: "POST",
            body: data === undefined ? "" : JSON.stringify({ data }),
        });
        return answer.ok ? JSON.parse(await answer.text()) : null;
    }

    async begin() {
        const reply = await this.call("new", "user", this.user, this.data);
        if (!(reply && reply.session_id && reply.data)) {
            throw new Error(`this is no session: ${JSON.stringify(reply)}`);
        }
        this.session_id = reply.session_id;
        this.data = reply.data;
    }

    async update() {
        const reply = await this.call("update", "session_id", this.session_id, this.data);
        if (!(reply && reply.data)) {
            throw new Error(`this was no update: ${JSON.stringify(reply)}`);
        }
        this.data = reply.data;
    }
}
