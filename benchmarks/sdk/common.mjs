// What the tests of all clients share.
export const url = process.env.SALLYPORT_URL;
export const key = process.env.SALLYPORT_KEY;

// A model of each dialect of a target.
export const models = ["by-openai", "by-anthropic", "by-gemini", "by-ollama"];

// Stand-ins repeat what they are told.
export const words = "say äöü and 😀 again";

// A stand-in calls the first tool it is offered where a message ends so.
export const callTool = "the weather, please [[tool]]";

export const citySchema = {
  type: "object",
  properties: { city: { type: "string", description: "its name" } },
  required: ["city"],
};

// One black pixel, PNG.
export const pixel =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
