import assert from "node:assert/strict";
import { test } from "node:test";
import { Ollama } from "ollama";
import { callTool, citySchema, key, models, pixel, url, words } from "./common.mjs";

const client = new Ollama({ host: url, headers: { Authorization: "Bearer " + key } });
const tools = [{ type: "function", function: { name: "get_weather", description: "of a city", parameters: citySchema } }];

for (const model of models) {
  test(`chat ${model}`, async () => {
    const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: words }];
    const whole = await client.chat({ model, messages });
    assert.ok(whole.message.content.includes(words));
    assert.ok(whole.done && whole.prompt_eval_count > 0 && whole.eval_count > 0);
    let text = "", last;
    for await (const line of await client.chat({ model, messages, stream: true })) {
      text += line.message.content;
      last = line;
    }
    assert.equal(text, whole.message.content);
    assert.deepEqual([last.done, last.done_reason], [true, "stop"]);
  });

  test(`chat with a tool ${model}`, async () => {
    const messages = [{ role: "user", content: callTool }];
    const reply = await client.chat({ model, messages, tools });
    assert.deepEqual(reply.message.tool_calls[0].function.arguments, { city: "Paris" });
    messages.push(reply.message, { role: "tool", tool_name: "get_weather", content: "sunny" });
    assert.ok((await client.chat({ model, messages, tools })).message.content.includes("sunny"));
  });

  test(`chat with an image and a schema ${model}`, async () => {
    const reply = await client.chat({ model, messages: [{ role: "user", content: words, images: [pixel] }], format: citySchema });
    assert.ok(reply.message.content.includes(words));
  });
}

test("models", async () => {
  const names = (await client.list()).models.map((model) => model.name);
  for (const model of models) assert.ok(names.some((name) => name.split(":")[0] === model), model);
});

test("errors", async () => {
  await assert.rejects(client.chat({ model: "nobody-has-this", messages: [{ role: "user", content: "hi" }] }), (e) => e.status_code === 404);
  await assert.rejects(new Ollama({ host: url }).chat({ model: "by-ollama", messages: [{ role: "user", content: "hi" }] }), (e) => e.status_code === 401);
});
