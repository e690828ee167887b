// The JavaScript clients: node clients.mjs CLIENT MODEL BASE. One JSON line for each case; `problem` is empty where all is well.
import OpenAI from "openai";
import { generateText, streamText, Output, jsonSchema, tool, stepCountIs } from "ai";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenResponses } from "@ai-sdk/open-responses";

const [name, model, base] = process.argv.slice(2);
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const DATA_URL = `data:image/png;base64,${PNG}`;
const SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const STEPS = "[[steps:2]] Look it up.", PARALLEL = "[[tools:2]] Look both up.", ERROR = "[[error:429]] Too much.";

function need(holds, problem) {
  if (!holds) throw new Error(String(problem));
}
// What the simulator says, without tools and after them.
const isAnswer = (text) => need(/Hello from|12 degrees/.test(text ?? ""), `the text is ${JSON.stringify(text)}`);

function openaiChat() {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "k", maxRetries: 0 });
  const ask = (content, fields) => client.chat.completions.create({ model, messages: [{ role: "user", content }], ...fields });
  const tools = [{ type: "function", function: { name: "lookup", parameters: SCHEMA } }];
  async function loop(prompt, expect) {
    const messages = [{ role: "user", content: prompt }];
    const rounds = [];
    for (let step = 0; step < 5; step++) {
      const message = await client.chat.completions.stream({ model, messages, tools }).finalMessage();
      if (!message.tool_calls?.length) {
        isAnswer(message.content);
        return need(JSON.stringify(rounds) === JSON.stringify(expect), rounds);
      }
      rounds.push(message.tool_calls.length);
      messages.push(message, ...message.tool_calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "12 degrees" })));
    }
    throw new Error("the loop does not end");
  }
  return {
    text: async () => isAnswer((await ask("Hello")).choices[0].message.content),
    stream: async () => {
      let text = "";
      for await (const chunk of await ask("Hello", { stream: true })) text += chunk.choices[0]?.delta?.content ?? "";
      isAnswer(text);
    },
    steps: () => loop(STEPS, [1, 1]),
    parallel: () => loop(PARALLEL, [2]),
    structured: async () => {
      const response_format = { type: "json_schema", json_schema: { name: "place", schema: SCHEMA, strict: true } };
      need("city" in JSON.parse((await ask("Where?", { response_format })).choices[0].message.content), "no city");
    },
    image: async () =>
      isAnswer((await ask([{ type: "text", text: "What?" }, { type: "image_url", image_url: { url: DATA_URL } }])).choices[0].message.content),
    error: () => ask(ERROR).then(() => need(false, "no error"), (error) => need(error.status === 429, error)),
  };
}

function openaiResponses() {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "k", maxRetries: 0 });
  const ask = (content, fields) => client.responses.create({ model, input: [{ role: "user", content }], ...fields });
  const tools = [{ type: "function", name: "lookup", parameters: SCHEMA, strict: true }];
  async function loop(prompt, expect) {
    const input = [{ role: "user", content: prompt }];
    const rounds = [];
    for (let step = 0; step < 5; step++) {
      const reply = await client.responses.stream({ model, input, tools, store: false, include: ["reasoning.encrypted_content"] }).finalResponse();
      const calls = reply.output.filter((item) => item.type === "function_call");
      if (!calls.length) {
        isAnswer(reply.output_text);
        return need(JSON.stringify(rounds) === JSON.stringify(expect), rounds);
      }
      rounds.push(calls.length);
      input.push(...reply.output.map(({ parsed_arguments, ...item }) => item));
      input.push(...calls.map((call) => ({ type: "function_call_output", call_id: call.call_id, output: "12 degrees" })));
    }
    throw new Error("the loop does not end");
  }
  return {
    text: async () => isAnswer((await ask("Hello")).output_text),
    stream: async () => {
      let text = "";
      for await (const event of await ask("Hello", { stream: true })) if (event.type === "response.output_text.delta") text += event.delta;
      isAnswer(text);
    },
    steps: () => loop(STEPS, [1, 1]),
    parallel: () => loop(PARALLEL, [2]),
    structured: async () => {
      const text = { format: { type: "json_schema", name: "place", schema: SCHEMA, strict: true } };
      need("city" in JSON.parse((await ask("Where?", { text })).output_text), "no city");
    },
    image: async () => isAnswer((await ask([{ type: "input_text", text: "What?" }, { type: "input_image", image_url: DATA_URL, detail: "auto" }])).output_text),
    error: () => ask(ERROR).then(() => need(false, "no error"), (error) => need(error.status === 429, error)),
  };
}

function aiSdk(languageModel) {
  const common = { model: languageModel, maxRetries: 0 };
  async function loop(prompt, calls) {
    let called = 0;
    const lookup = tool({ description: "Looks a city up.", inputSchema: jsonSchema(SCHEMA), execute: async () => (called++, "12 degrees") });
    const result = streamText({ ...common, prompt, tools: { lookup }, stopWhen: stepCountIs(5), onError: () => {} });
    isAnswer(await result.text);
    need(called === calls, `${called} calls`);
  }
  return {
    text: async () => isAnswer((await generateText({ ...common, prompt: "Hello" })).text),
    stream: async () => {
      let text = "";
      for await (const piece of streamText({ ...common, prompt: "Hello" }).textStream) text += piece;
      isAnswer(text);
    },
    steps: () => loop(STEPS, 2),
    parallel: () => loop(PARALLEL, 2),
    structured: async () => {
      const result = await generateText({ ...common, prompt: "Where?", output: Output.object({ schema: jsonSchema(SCHEMA) }) });
      need("city" in result.output, "no city");
    },
    image: async () => {
      const content = [{ type: "text", text: "What?" }, { type: "image", image: DATA_URL }];
      isAnswer((await generateText({ ...common, messages: [{ role: "user", content }] })).text);
    },
    error: () => generateText({ ...common, prompt: ERROR }).then(() => need(false, "no error"), (error) => need(error.statusCode === 429, error)),
  };
}

const CLIENTS = {
  "node-chat": openaiChat,
  "node-responses": openaiResponses,
  "ai-open-responses": () => aiSdk(createOpenResponses({ name: "llmgw", url: `${base}/v1/responses`, apiKey: "k" })(model)),
  "ai-openai": () => aiSdk(createOpenAI({ baseURL: `${base}/v1`, apiKey: "k" }).responses(model)),
  "ai-openai-chat": () => aiSdk(createOpenAI({ baseURL: `${base}/v1`, apiKey: "k" }).chat(model)),
};

for (const problemCase of ["text", "stream", "steps", "parallel", "structured", "image", "error"]) {
  let problem = "";
  try {
    await CLIENTS[name]()[problemCase]();
  } catch (error) {
    problem = `${error?.name}: ${error?.message} ${error?.responseBody ?? ""}`;
  }
  console.log(JSON.stringify({ case: problemCase, problem }));
}
