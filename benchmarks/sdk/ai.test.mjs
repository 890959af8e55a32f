import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { callTool, key, models, url, words } from "./common.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const openai = createOpenAI({ baseURL: url + "/v1", apiKey: key });
const anthropic = createAnthropic({ baseURL: url + "/v1", apiKey: key });
const google = createGoogleGenerativeAI({ baseURL: url + "/v1beta", apiKey: key });
const clients = { chat: (model) => openai.chat(model), responses: (model) => openai.responses(model), messages: (model) => anthropic(model), generateContent: (model) => google(model) };

for (const [api, client] of Object.entries(clients)) {
  for (const model of models) {
    test(`${api} ${model}`, async () => {
      const ask = { model: client(model), system: "Be brief.", prompt: words, maxRetries: 0 };
      const whole = await generateText(ask);
      assert.ok(whole.text.includes(words));
      assert.equal(whole.finishReason, "stop");
      const streamed = streamText(ask);
      let text = "";
      for await (const piece of streamed.textStream) text += piece;
      assert.equal(text, whole.text);
      assert.ok((await streamed.usage).inputTokens > 0);

      const cities = [];
      const looped = await generateText({
        model: client(model), prompt: callTool, maxRetries: 0, stopWhen: stepCountIs(3),
        tools: { get_weather: tool({ description: "of a city", inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => { cities.push(city); return "sunny"; } }) },
      });
      assert.deepEqual(cities, ["Paris"]);
      assert.ok(looped.text.includes("sunny"));
    });
  }

  test(`${api} errors`, async () => {
    await assert.rejects(generateText({ model: client("nobody-has-this"), prompt: "hi", maxRetries: 0 }), (e) => APICallError.isInstance(e) && e.statusCode === 404);
  });
}
