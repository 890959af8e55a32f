import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, GoogleGenAI } from "@google/genai";
import { callTool, citySchema, key, models, pixel, url, words } from "./common.mjs";

const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
const tools = [{ functionDeclarations: [{ name: "get_weather", description: "of a city", parametersJsonSchema: citySchema }] }];

for (const model of models) {
  test(`generateContent ${model}`, async () => {
    const ask = { model, contents: words, config: { systemInstruction: "Be brief." } };
    const whole = await client.models.generateContent(ask);
    assert.ok(whole.text.includes(words));
    assert.equal(whole.candidates[0].finishReason, "STOP");
    assert.ok(whole.usageMetadata.promptTokenCount > 0 && whole.usageMetadata.candidatesTokenCount > 0);
    let text = "", last;
    for await (const piece of await client.models.generateContentStream(ask)) {
      text += piece.text ?? "";
      last = piece;
    }
    assert.equal(text, whole.text);
    assert.equal(last.candidates[0].finishReason, "STOP");
  });

  test(`generateContent with a tool ${model}`, async () => {
    const contents = [{ role: "user", parts: [{ text: callTool }] }];
    const reply = await client.models.generateContent({ model, contents, config: { tools } });
    const [call] = reply.functionCalls;
    assert.deepEqual([call.name, call.args], ["get_weather", { city: "Paris" }]);
    contents.push(reply.candidates[0].content, { role: "user", parts: [{ functionResponse: { id: call.id, name: call.name, response: { output: "sunny" } } }] });
    const after = await client.models.generateContent({ model, contents, config: { tools } });
    assert.ok(after.text.includes("sunny"));
  });

  test(`generateContent with an image and a schema ${model}`, async () => {
    const reply = await client.models.generateContent({
      model,
      contents: [{ role: "user", parts: [{ inlineData: { mimeType: "image/png", data: pixel } }, { text: words }] }],
      config: { responseMimeType: "application/json", responseJsonSchema: citySchema },
    });
    assert.ok(reply.text.includes(words));
  });
}

test("errors", async () => {
  await assert.rejects(client.models.generateContent({ model: "nobody-has-this", contents: "hi" }), (e) => e instanceof ApiError && e.status === 404);
  await assert.rejects(new GoogleGenAI({ apiKey: "wrong", httpOptions: { baseUrl: url } }).models.generateContent({ model: "by-gemini", contents: "hi" }),
    (e) => e instanceof ApiError && e.status === 401);
});
