"""The Python clients: python clients.py CLIENT MODEL BASE. One JSON line for each case; `problem` is empty where all is well."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DATA_URL = f"data:image/png;base64,{PNG}"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
STEPS, PARALLEL = "[[steps:2]] Look it up.", "[[tools:2]] Look both up."
ERROR = "[[error:429]] Too much."


def need(holds: bool, problem: object) -> None:
    if not holds:
        raise AssertionError(str(problem))


def is_answer(text: str | None) -> None:
    """What the simulator says, without tools and after them."""
    need("Hello from" in (text or "") or "12 degrees" in (text or ""), f"the text is {text!r}")


class OpenAiChat:
    def __init__(self, model: str, base: str) -> None:
        import openai

        self.errors = openai.RateLimitError
        self.model, self.client = model, openai.OpenAI(base_url=f"{base}/v1", api_key="k", max_retries=0)
        self.tools = [{"type": "function", "function": {"name": "lookup", "parameters": SCHEMA}}]

    def ask(self, content: object, **fields: object):
        return self.client.chat.completions.create(model=self.model, messages=[{"role": "user", "content": content}], **fields)

    def text(self) -> None:
        is_answer(self.ask("Hello").choices[0].message.content)

    def stream(self) -> None:
        chunks = list(self.ask("Hello", stream=True, stream_options={"include_usage": True}))
        is_answer("".join(c.choices[0].delta.content or "" for c in chunks if c.choices))
        need(chunks[-1].usage is not None, "no usage")

    def loop(self, prompt: str) -> list[int]:
        messages: list = [{"role": "user", "content": prompt}]
        rounds = []
        for _ in range(5):
            # Streamed, and put together by the SDK itself.
            with self.client.chat.completions.stream(model=self.model, messages=messages, tools=self.tools) as stream:
                message = stream.get_final_completion().choices[0].message
            if not message.tool_calls:
                is_answer(message.content)
                return rounds
            rounds.append(len(message.tool_calls))
            # As most clients do it: without what the SDK does not know.
            calls = [{"id": c.id, "type": "function", "function": {"name": c.function.name, "arguments": c.function.arguments}} for c in message.tool_calls]
            messages.append({"role": "assistant", "content": message.content, "tool_calls": calls})
            for call in message.tool_calls:
                need("city" in json.loads(call.function.arguments), call)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": "12 degrees"})
        raise AssertionError("the loop does not end")

    def steps(self) -> None:
        need(self.loop(STEPS) == [1, 1], "not two steps of one call")

    def parallel(self) -> None:
        need(self.loop(PARALLEL) == [2], "not one step of two calls")

    def structured(self) -> None:
        format = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}
        need("city" in json.loads(self.ask("Where?", response_format=format).choices[0].message.content), "no city")

    def image(self) -> None:
        content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": DATA_URL}}]
        is_answer(self.ask(content).choices[0].message.content)

    def error(self) -> None:
        try:
            self.ask(ERROR)
        except self.errors as error:
            return need(error.status_code == 429, error)
        raise AssertionError("no error")


class OpenAiResponses(OpenAiChat):
    def __init__(self, model: str, base: str) -> None:
        super().__init__(model, base)
        self.tools = [{"type": "function", "name": "lookup", "parameters": SCHEMA, "strict": True}]

    def ask(self, content: object, **fields: object):
        return self.client.responses.create(model=self.model, input=[{"role": "user", "content": content}], **fields)

    def text(self) -> None:
        is_answer(self.ask("Hello").output_text)

    def stream(self) -> None:
        events = list(self.ask("Hello", stream=True))
        is_answer("".join(e.delta for e in events if e.type == "response.output_text.delta"))
        need(events[-1].type == "response.completed", events[-1].type)

    def loop(self, prompt: str) -> list[int]:
        items: list = [{"role": "user", "content": prompt}]
        rounds = []
        for _ in range(5):
            reply = self.client.responses.create(model=self.model, input=items, tools=self.tools, store=False, include=["reasoning.encrypted_content"])
            calls = [item for item in reply.output if item.type == "function_call"]
            if not calls:
                is_answer(reply.output_text)
                return rounds
            rounds.append(len(calls))
            items += [item.model_dump(exclude_none=True) for item in reply.output]
            items += [{"type": "function_call_output", "call_id": c.call_id, "output": "12 degrees"} for c in calls]
        raise AssertionError("the loop does not end")

    def structured(self) -> None:
        format = {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}
        need("city" in json.loads(self.ask("Where?", text={"format": format}).output_text), "no city")

    def image(self) -> None:
        is_answer(self.ask([{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": DATA_URL, "detail": "auto"}]).output_text)


class AnthropicMessages(OpenAiChat):
    def __init__(self, model: str, base: str) -> None:
        import anthropic

        self.errors = anthropic.RateLimitError
        self.model, self.client = model, anthropic.Anthropic(base_url=base, api_key="k", max_retries=0)
        self.tools = [{"name": "lookup", "input_schema": SCHEMA}]

    def ask(self, content: object, **fields: object):
        return self.client.messages.create(model=self.model, max_tokens=2048, messages=[{"role": "user", "content": content}], **fields)

    @staticmethod
    def said(message) -> str:
        return "".join(block.text for block in message.content if block.type == "text")

    def text(self) -> None:
        is_answer(self.said(self.ask("Hello")))

    def stream(self) -> None:
        with self.client.messages.stream(model=self.model, max_tokens=2048, messages=[{"role": "user", "content": "Hello"}]) as stream:
            is_answer("".join(stream.text_stream))
            need(stream.get_final_message().usage.output_tokens > 0, "no usage")

    def loop(self, prompt: str) -> list[int]:
        messages: list = [{"role": "user", "content": prompt}]
        rounds = []
        for _ in range(5):
            with self.client.messages.stream(model=self.model, max_tokens=2048, messages=messages, tools=self.tools) as stream:
                message = stream.get_final_message()
            calls = [block for block in message.content if block.type == "tool_use"]
            if not calls:
                is_answer(self.said(message))
                return rounds
            rounds.append(len(calls))
            messages.append({"role": "assistant", "content": message.content})
            messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": c.id, "content": "12 degrees"} for c in calls]})
        raise AssertionError("the loop does not end")

    def structured(self) -> None:
        format = {"format": {"type": "json_schema", "schema": SCHEMA}}
        need("city" in json.loads(self.said(self.ask("Where?", output_config=format))), "no city")

    def image(self) -> None:
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        is_answer(self.said(self.ask([{"type": "text", "text": "What is it?"}, {"type": "image", "source": source}])))


class Agents:
    """The OpenAI Agents SDK."""

    def __init__(self, model: str, base: str, chat: bool = False) -> None:
        import agents
        import openai
        from pydantic import BaseModel

        agents.set_tracing_disabled(True)
        client = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="k", max_retries=0)
        make = agents.OpenAIChatCompletionsModel if chat else agents.OpenAIResponsesModel
        self.calls: list[str] = []

        @agents.function_tool
        def lookup(city: str) -> str:
            """Looks a city up."""
            self.calls.append(city)
            return "12 degrees"

        class Place(BaseModel):
            city: str

        self.sdk, self.place, self.lookup, self.errors = agents, Place, lookup, openai.RateLimitError
        self.model = make(model=model, openai_client=client)

    def run(self, prompt: object, **fields: object):
        agent = self.sdk.Agent(name="a", model=self.model, **fields)
        return asyncio.run(self.sdk.Runner.run(agent, prompt)).final_output

    def text(self) -> None:
        is_answer(self.run("Hello"))

    def stream(self) -> None:
        async def go() -> str:
            result = self.sdk.Runner.run_streamed(self.sdk.Agent(name="a", model=self.model), "Hello")
            async for _ in result.stream_events():
                pass
            return result.final_output

        is_answer(asyncio.run(go()))

    def steps(self) -> None:
        is_answer(self.run(STEPS, tools=[self.lookup]))
        need(len(self.calls) == 2, self.calls)

    def parallel(self) -> None:
        is_answer(self.run(PARALLEL, tools=[self.lookup]))
        need(len(self.calls) == 2, self.calls)

    def structured(self) -> None:
        need(isinstance(self.run("Where?", output_type=self.place), self.place), "no place")

    def image(self) -> None:
        content = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": DATA_URL, "detail": "auto"}]
        is_answer(self.run([{"role": "user", "content": content}]))

    def error(self) -> None:
        try:
            self.run(ERROR)
        except self.errors:
            return
        raise AssertionError("no error")


class PydanticAi:
    def __init__(self, model: str, base: str, responses: bool = False) -> None:
        import pydantic_ai
        from pydantic import BaseModel
        from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
        from pydantic_ai.providers.openai import OpenAIProvider
        import openai

        class Place(BaseModel):
            city: str

        client = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="k", max_retries=0)
        make = OpenAIResponsesModel if responses else OpenAIChatModel
        self.ai, self.place = pydantic_ai, Place
        self.model = make(model, provider=OpenAIProvider(openai_client=client))
        self.calls: list[str] = []

    def agent(self, **fields: object):
        return self.ai.Agent(self.model, **fields)

    def lookup(self, city: str) -> str:
        """Looks a city up."""
        self.calls.append(city)
        return "12 degrees"

    def text(self) -> None:
        is_answer(self.agent().run_sync("Hello").output)

    def stream(self) -> None:
        async def go() -> str:
            async with self.agent().run_stream("Hello") as result:
                return await result.get_output()

        is_answer(asyncio.run(go()))

    def steps(self) -> None:
        is_answer(self.agent(tools=[self.lookup]).run_sync(STEPS).output)
        need(len(self.calls) == 2, self.calls)

    def parallel(self) -> None:
        is_answer(self.agent(tools=[self.lookup]).run_sync(PARALLEL).output)
        need(len(self.calls) == 2, self.calls)

    def structured(self) -> None:
        agent = self.agent(output_type=self.ai.NativeOutput(self.place))
        need(isinstance(agent.run_sync("Where?").output, self.place), "no place")

    def image(self) -> None:
        import base64

        is_answer(self.agent().run_sync(["What is it?", self.ai.BinaryContent(base64.b64decode(PNG), media_type="image/png")]).output)

    def error(self) -> None:
        try:
            self.agent().run_sync(ERROR)
        except self.ai.exceptions.ModelHTTPError as error:
            return need(error.status_code == 429, error)
        raise AssertionError("no error")


class LangChain:
    def __init__(self, model: str, base: str, responses: bool = False) -> None:
        import openai
        from langchain_openai import ChatOpenAI

        self.errors = openai.RateLimitError
        self.llm = ChatOpenAI(model=model, base_url=f"{base}/v1", api_key="k", max_retries=0, use_responses_api=responses)
        self.tool = {"type": "function", "function": {"name": "lookup", "description": "d", "parameters": SCHEMA}}

    @staticmethod
    def said(message) -> str:
        return message.text if isinstance(message.text, str) else message.text()

    def text(self) -> None:
        is_answer(self.said(self.llm.invoke("Hello")))

    def stream(self) -> None:
        is_answer("".join(self.said(chunk) for chunk in self.llm.stream("Hello")))

    def loop(self, prompt: str) -> list[int]:
        from langchain_core.messages import HumanMessage, ToolMessage

        messages: list = [HumanMessage(prompt)]
        rounds = []
        bound = self.llm.bind_tools([self.tool])
        for _ in range(5):
            reply = bound.invoke(messages)
            if not reply.tool_calls:
                is_answer(self.said(reply))
                return rounds
            rounds.append(len(reply.tool_calls))
            messages += [reply] + [ToolMessage("12 degrees", tool_call_id=call["id"]) for call in reply.tool_calls]
        raise AssertionError("the loop does not end")

    steps, parallel = OpenAiChat.steps, OpenAiChat.parallel

    def structured(self) -> None:
        schema = {"title": "place", **SCHEMA}
        need("city" in self.llm.with_structured_output(schema, method="json_schema", strict=True).invoke("Where?"), "no city")

    def image(self) -> None:
        content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": DATA_URL}}]
        is_answer(self.said(self.llm.invoke([{"role": "user", "content": content}])))

    def error(self) -> None:
        try:
            self.llm.invoke(ERROR)
        except self.errors:
            return
        raise AssertionError("no error")


class Llm:
    """Simon Willison's `llm`, as its file of further models has it."""

    def __init__(self, model: str, base: str) -> None:
        import llm
        from llm.default_plugins.openai_models import Chat

        self.sdk = llm
        self.model = Chat("m", model_name=model, api_base=f"{base}/v1", vision=True, supports_schema=True, supports_tools=True)
        self.model.key = "k"
        self.calls: list[str] = []

    def lookup(self, city: str) -> str:
        """Looks a city up."""
        self.calls.append(city)
        return "12 degrees"

    def text(self) -> None:
        is_answer(self.model.prompt("Hello", stream=False).text())

    def stream(self) -> None:
        is_answer("".join(self.model.prompt("Hello", stream=True)))

    def steps(self) -> None:
        is_answer(self.model.chain(STEPS, tools=[self.lookup]).text())
        need(len(self.calls) == 2, self.calls)

    def parallel(self) -> None:
        is_answer(self.model.chain(PARALLEL, tools=[self.lookup]).text())
        need(len(self.calls) == 2, self.calls)

    def structured(self) -> None:
        need("city" in json.loads(self.model.prompt("Where?", schema=SCHEMA, stream=False).text()), "no city")

    def image(self) -> None:
        import base64

        picture = self.sdk.Attachment(content=base64.b64decode(PNG), type="image/png")
        is_answer(self.model.prompt("What is it?", attachments=[picture], stream=False).text())

    def error(self) -> None:
        try:
            self.model.prompt(ERROR, stream=False).text()
        except Exception as error:  # the SDK's own class is none of its interface
            return need("429" in str(error), error)
        raise AssertionError("no error")


CLIENTS = {
    "openai-chat": OpenAiChat,
    "openai-responses": OpenAiResponses,
    "anthropic": AnthropicMessages,
    "agents": Agents,
    "agents-chat": lambda model, base: Agents(model, base, chat=True),
    "pydantic-ai": PydanticAi,
    "pydantic-ai-responses": lambda model, base: PydanticAi(model, base, responses=True),
    "langchain": LangChain,
    "langchain-responses": lambda model, base: LangChain(model, base, responses=True),
    "llm": Llm,
}


def main() -> None:
    name, model, base = sys.argv[1:]
    os.environ["HOME"] = os.getcwd()
    os.environ["OPENAI_API_KEY"] = "k"
    for case in ["text", "stream", "steps", "parallel", "structured", "image", "error"]:
        problem = ""
        try:
            getattr(CLIENTS[name](model, base), case)()
        except Exception:  # whatever it is, the case has failed
            problem = " | ".join(traceback.format_exc(limit=-2).strip().splitlines()[-3:])
        print(json.dumps({"case": case, "problem": problem}), flush=True)


if __name__ == "__main__":
    main()
