"""Send a run's board: to people by e-mail, with the zip attached, or a line to a chat's webhook.

    churnlab pipeline ... run_dir=outputs/today report.deliver=outputs/today.zip
    python docs/send_board.py outputs/today --zip outputs/today.zip --mail-to team@example.com
    python docs/send_board.py outputs/today          # to the webhook in CHURNLAB_WEBHOOK

Nothing goes anywhere unless you name the receiver. Secrets come from the environment, where neither
a shell's history nor a log keeps them: CHURNLAB_WEBHOOK (the address is one), SMTP_PASSWORD.
The zip holds who your customers are; a webhook gets numbers only.
"""

from __future__ import annotations

import argparse
import json
import os
import smtplib
import urllib.request
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path

from churnlab.fitting.report.text import headline

#: Larger letters are refused by many mail servers.
MOST_BYTES = 20_000_000
_SECONDS = 30


def main(argv: Sequence[str] | None = None) -> int:
    """Send what the arguments ask for; return the exit status."""
    asked = _parser().parse_args(argv)
    text = summary(Path(asked.run), asked.lang)
    if asked.mail_to:
        mail(asked, text)
    elif address := os.environ.get("CHURNLAB_WEBHOOK"):
        post(address, text)
    else:
        print(text)
        print("nothing was sent: give --mail-to, or the address in CHURNLAB_WEBHOOK.")
    return 0


def summary(run: Path, lang: str) -> str:
    """Return a run's headline in one sentence."""
    fit = next(f for f in (run / "fit" / "fit.json", run / "fit.json") if f.exists())
    told = json.loads(fit.read_text(encoding="utf-8"))
    return f"{told['as_of']}: {headline(told['late'], lang)}"


def mail(asked: argparse.Namespace, text: str) -> None:
    """Send the sentence, with the zip attached where one is named.

    Raises
    ------
    SystemExit
        The zip is too large to be mailed.
    """
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = text[:150], asked.mail_from, asked.mail_to
    letter.set_content(text)
    if asked.zip:
        content = Path(asked.zip).read_bytes()
        if len(content) > MOST_BYTES:
            raise SystemExit(
                f"{asked.zip} has {len(content):,} bytes; mail takes {MOST_BYTES:,}. Put it on a "
                "share and send the sentence alone."
            )
        letter.add_attachment(
            content, maintype="application", subtype="zip", filename=Path(asked.zip).name
        )
    host, _, port = asked.smtp.partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=_SECONDS) as server:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls()
        if password := os.environ.get("SMTP_PASSWORD"):
            server.login(asked.smtp_user or asked.mail_from, password)
        server.send_message(letter)


def post(address: str, text: str) -> None:
    """Post the sentence as JSON, `{"text": ...}`, as Slack, Teams, Mattermost and Jandi take it."""
    if not address.startswith(("https://", "http://127.0.0.1:")):
        raise SystemExit("CHURNLAB_WEBHOOK must be an https:// address.")
    content = json.dumps({"text": text}).encode()
    request = urllib.request.Request(address, content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=_SECONDS):
        pass


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("run", help="folder of a finished pipeline, segment or fit")
    parser.add_argument("--lang", default="en", choices=("en", "ko"))
    parser.add_argument("--zip", help="what report.deliver made")
    parser.add_argument("--mail-to")
    parser.add_argument("--mail-from", default="churnlab@localhost")
    parser.add_argument("--smtp", default="localhost:25", help="HOST:PORT")
    parser.add_argument("--smtp-user")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
