import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic, { AuthenticationError, BadRequestError, NotFoundError } from "@anthropic-ai/sdk";
import { callTool, citySchema, key, models, pixel, url, words } from "./common.mjs";

const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
const tools = [{ name: "get_weather", description: "of a city", input_schema: citySchema }];
const textOf = (message) => message.content.map((block) => block.text ?? "").join("");

for (const model of models) {
  test(`messages ${model}`, async () => {
    const params = { model, max_tokens: 200, system: "Be brief.", messages: [{ role: "user", content: words }] };
    const whole = await client.messages.create(params);
    assert.ok(textOf(whole).includes(words));
    assert.equal(whole.stop_reason, "end_turn");
    assert.ok(whole.usage.input_tokens > 0 && whole.usage.output_tokens > 0);
    const streamed = await client.messages.stream(params).finalMessage();
    assert.equal(textOf(streamed), textOf(whole));
    assert.deepEqual(streamed.usage.output_tokens, whole.usage.output_tokens);
    const cut = await client.messages.stream({ ...params, max_tokens: 3 }).finalMessage();
    assert.equal(cut.stop_reason, "max_tokens");
  });

  test(`messages with a tool ${model}`, async () => {
    const messages = [{ role: "user", content: callTool }];
    const reply = await client.messages.stream({ model, max_tokens: 200, messages, tools }).finalMessage();
    const call = reply.content.find((block) => block.type === "tool_use");
    assert.equal(reply.stop_reason, "tool_use");
    assert.deepEqual(call.input, { city: "Paris" });
    messages.push({ role: "assistant", content: reply.content }, { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "sunny" }] });
    assert.ok(textOf(await client.messages.create({ model, max_tokens: 200, messages, tools })).includes("sunny"));
  });

  test(`messages with an image ${model}`, async () => {
    const reply = await client.messages.create({
      model, max_tokens: 200,
      messages: [{ role: "user", content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: pixel } }, { type: "text", text: words }] }],
    });
    assert.ok(textOf(reply).includes(words));
  });
}

test("errors", async () => {
  const params = { model: "by-anthropic", max_tokens: 9, messages: [{ role: "user", content: "hi" }] };
  await assert.rejects(new Anthropic({ baseURL: url, apiKey: "wrong", maxRetries: 0 }).messages.create(params),
    (e) => e instanceof AuthenticationError && e.error.error.type === "authentication_error");
  await assert.rejects(client.messages.create({ ...params, model: "nobody-has-this" }), (e) => e instanceof NotFoundError && e.error.error.type === "not_found_error");
  await assert.rejects(client.messages.create({ ...params, messages: [] }), (e) => e instanceof BadRequestError && e.error.error.type === "invalid_request_error");
});
