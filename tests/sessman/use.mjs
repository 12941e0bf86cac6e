// Uses sessions as a page would: node use.mjs URL [KEY]
import assert from "node:assert/strict";
import { Session } from "./client.mjs";

const [base_url, auth] = process.argv.slice(2);

const cart = await Session.create("ann", { base_url, auth, data: { cart: [1] } });
assert.deepEqual(cart.data, { cart: [1] });
assert.equal(typeof cart.session_id, "string");

cart.data.cart.push({ name: "tea", price: 2.5 });
cart.data.note = "für Ann";
await cart.update();
assert.deepEqual(cart.data, { cart: [1, { name: "tea", price: 2.5 }], note: "für Ann" });

const empty = await Session.create("bob", { base_url, auth });
assert.deepEqual(empty.data, {});
assert.notEqual(empty.session_id, cart.session_id);

const again = await cart.call("get", "session_id", cart.session_id);
assert.deepEqual(again, { session_id: cart.session_id, data: cart.data });
assert.equal(await cart.call("get", "session_id", "nobody"), null);

if (auth) {
    const stranger = new Session("eve", { base_url, auth: "wrong" });
    await assert.rejects(() => stranger.begin());
}
console.log("all of it held");
