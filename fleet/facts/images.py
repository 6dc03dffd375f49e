"""Which of the wanted images are on the host, and under which registry digests."""

from __future__ import annotations

import json

from fleet.facts.probe import Answer, Question
from fleet.model.found import Image, Unknown
from fleet.model.images import ImageRef
from fleet.shell import words


class ImagesProbe:
    name = "images"

    def script(self, question: Question) -> str:
        written = {service.container.image for service in question.wanted.services} | {question.helper}
        wanted = sorted(local_name(image) for image in written if image)
        if not wanted:
            return "echo '[]'"
        # A missing image makes the exit status 1 while the others are still printed; so does an engine
        # that gives no answer, and that must not be taken for missing images.
        return f"docker image inspect {words(wanted)} 2>/dev/null || docker image ls -q >/dev/null"

    def parse(self, answer: Answer) -> dict[str, Image] | Unknown:
        if answer.rc:
            return answer.unknown("images")
        try:
            # What comes after the list are the client's own words.
            found, _ = json.JSONDecoder().raw_decode(answer.out.lstrip())
        except ValueError:
            return answer.unknown("images")
        images: dict[str, Image] = {}
        for item in found:
            image = Image(item["Id"], tuple(item.get("RepoDigests") or ()))
            for name in (*(item.get("RepoTags") or ()), *image.digests):
                images[name] = image
        return images


def local_name(image: str) -> str:
    """How the engine lists the reference: by digest when there is one, else by tag."""
    ref = ImageRef.parse(image)
    return ref.pinned(ref.digest) if ref.digest else f"{ref.name}:{ref.tag}"
