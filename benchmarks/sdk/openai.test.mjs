import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, { APIError, AuthenticationError, NotFoundError } from "openai";
import { callTool, citySchema, key, models, pixel, url, words } from "./common.mjs";

const client = new OpenAI({ baseURL: url + "/v1", apiKey: key, maxRetries: 0 });
const tools = [{ type: "function", function: { name: "get_weather", description: "of a city", parameters: citySchema } }];

for (const model of models) {
  test(`chat ${model}`, async () => {
    const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: words }];
    const whole = await client.chat.completions.create({ model, messages });
    assert.ok(whole.choices[0].message.content.includes(words));
    assert.equal(whole.choices[0].finish_reason, "stop");
    assert.ok(whole.usage.prompt_tokens > 0 && whole.usage.completion_tokens > 0);

    const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } });
    let text = "", usages = 0, finish;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? "";
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usages += chunk.usage ? 1 : 0;
    }
    assert.deepEqual([text, finish, usages], [whole.choices[0].message.content, "stop", 1]);

    const cut = await client.chat.completions.stream({ model, messages, max_tokens: 3 }).finalChatCompletion();
    assert.equal(cut.choices[0].finish_reason, "length");
  });

  test(`chat with a tool ${model}`, async () => {
    const messages = [{ role: "user", content: callTool }];
    const reply = await client.chat.completions.stream({ model, messages, tools }).finalChatCompletion();
    const [call] = reply.choices[0].message.tool_calls;
    assert.equal(reply.choices[0].finish_reason, "tool_calls");
    assert.equal(call.function.name, "get_weather");
    assert.deepEqual(JSON.parse(call.function.arguments), { city: "Paris" });
    messages.push(reply.choices[0].message, { role: "tool", tool_call_id: call.id, content: "sunny" });
    const after = await client.chat.completions.create({ model, messages, tools });
    assert.ok(after.choices[0].message.content.includes("sunny"));
  });

  test(`chat with an image and a schema ${model}`, async () => {
    const reply = await client.chat.completions.create({
      model,
      messages: [{ role: "user", content: [{ type: "text", text: words }, { type: "image_url", image_url: { url: "data:image/png;base64," + pixel } }] }],
      response_format: { type: "json_schema", json_schema: { name: "city", strict: true, schema: { ...citySchema, additionalProperties: false } } },
    });
    assert.ok(reply.choices[0].message.content.includes(words));
  });

  test(`responses ${model}`, async () => {
    const whole = await client.responses.create({ model, instructions: "Be brief.", input: words });
    assert.equal(whole.status, "completed");
    assert.ok(whole.output_text.includes(words));
    assert.ok(whole.usage.input_tokens > 0 && whole.usage.output_tokens > 0);
    const streamed = await client.responses.stream({ model, instructions: "Be brief.", input: words }).finalResponse();
    assert.equal(streamed.output_text, whole.output_text);

    const input = [{ role: "user", content: callTool }];
    const responseTools = [{ type: "function", name: "get_weather", parameters: citySchema, strict: false }];
    const called = await client.responses.stream({ model, input, tools: responseTools }).finalResponse();
    const call = called.output.find((item) => item.type === "function_call");
    assert.deepEqual(JSON.parse(call.arguments), { city: "Paris" });
    input.push(...called.output.map(({ parsed_arguments, ...item }) => item), { type: "function_call_output", call_id: call.call_id, output: "sunny" });
    const after = await client.responses.create({ model, input, tools: responseTools });
    assert.ok(after.output_text.includes("sunny"));
  });
}

test("embeddings", async () => {
  const reply = await client.embeddings.create({ model: "text-embedding-3-small", input: ["a", "b"] });
  assert.equal(reply.data.length, 2);
  assert.ok(reply.data[0].embedding.length > 0 && reply.data[0].embedding.every((x) => typeof x === "number"));
});

test("models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  for (const model of models) assert.ok(ids.includes(model), model);
});

test("errors", async () => {
  const messages = [{ role: "user", content: "hi" }];
  await assert.rejects(new OpenAI({ baseURL: url + "/v1", apiKey: "wrong", maxRetries: 0 }).chat.completions.create({ model: "by-openai", messages }),
    (e) => e instanceof AuthenticationError && e.code === "unauthenticated");
  await assert.rejects(client.chat.completions.create({ model: "nobody-has-this", messages }), (e) => e instanceof NotFoundError && e.code === "model_not_found");
  await assert.rejects(client.chat.completions.create({ model: "by-ollama", messages, n: 3 }), (e) => e instanceof APIError && e.status === 400 && e.code === "unsupported_field");
});
