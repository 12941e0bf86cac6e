// Uses the class that pserve's guide shows, as it stands there: node guide.mjs MODULE URL [KEY]
import assert from "node:assert/strict";

const [module, base_url, auth] = process.argv.slice(2);
const { Session } = await import(module);

// It speaks of a key in `this.options.auth`, and sends `self.options.auth`: that of the window.
if (auth) globalThis.self = { options: { auth } };

const cart = await Session.create("ann", { base_url, auth, data: { cart: [1] } });
assert.deepEqual(cart.data, { cart: [1] });
assert.equal(typeof cart.session_id, "string");

cart.data.cart.push({ name: "tea", price: 2.5 });
cart.data.note = "für Ann";
await cart.updateSession();
assert.deepEqual(cart.data, { cart: [1, { name: "tea", price: 2.5 }], note: "für Ann" });

const empty = await Session.create("bob", { base_url, auth });
assert.deepEqual(empty.data, {});
assert.notEqual(empty.session_id, cart.session_id);

const again = await cart.get_data("get", { session_id: cart.session_id });
assert.deepEqual(again, { session_id: cart.session_id, data: cart.data });
assert.equal(await cart.get_data("get", { session_id: "nobody" }), null);

if (auth) {
    self.options.auth = "wrong";
    const stranger = await Session.create("eve", { base_url, auth });
    assert.equal(stranger.session_id, undefined);
}
console.log("all of it held");
