"""A mail server for tests: says `port N`, then a line of JSON for each mail, read back by Python's own parser.

What it answers hangs on the recipient's name: later@ 451, nobody@ 550 5.1.1, never@ 550, away@ 421, everybody else 250.
"""
import asyncio
import email
import email.policy
import json
import sys

from aiosmtpd.smtp import SMTP

ANSWERS = {
    "later": "451 4.7.1 Come back later",
    "nobody": "550 5.1.1 No such user here",
    "never": "550 Not from you",
    "away": "421 4.3.2 Going away",
}


class Sink:
    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = ANSWERS.get(address.split("@")[0])
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        said = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": [[name, str(value)] for name, value in mail.items()],
            "plain": parts.get("text/plain"),
            "html": parts.get("text/html"),
            "defects": [str(defect) for defect in mail.defects],
        }
        print(json.dumps(said), flush=True)
        return "250 Taken"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Sink()), "127.0.0.1", 0)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    # Until whoever started it goes.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
