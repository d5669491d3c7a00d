"""What a person may read aloud while talking freely, without the words that are being taught."""

from __future__ import annotations

import re
from collections.abc import Sequence

TOPICS = (
    "What did you do this morning, from getting up until now?",
    "Describe the room that you are in, and what is on the table.",
    "Tell how to cook your favourite dish, step by step.",
    "What would you do with a week without any plans?",
    "Describe the way from your door to the nearest shop.",
    "Count backwards from thirty, then name the months and the days of the week.",
)
TEXT = (
    "The north wind and the sun were arguing about which of them was stronger, when a traveller came along wrapped in "
    "a warm coat. They agreed that the one who first made him take it off should be called the stronger of the two.",
    "Then the north wind blew as hard as he could, but the more he blew, the more closely the traveller folded his "
    "coat around him. At last the wind gave up. Then the sun shone out warmly, and at once the man took off his coat.",
    "Please put two bags of flour, a dozen eggs, some butter and a jar of honey on the list. We also need matches, "
    "a new brush, and something for supper; perhaps rice with peas, or the soup that we had on Thursday.",
    "It had rained since five in the morning. Buses were late, the yellow ferry was later, and nobody at the harbour "
    "seemed to know why. A boy with a blue umbrella sold newspapers and whistled.",
    "Turn left behind the church, go over the bridge, and follow the river until you see a red barn. If you come to "
    "the quarry, you have gone too far. Ask anybody for the old mill; they will be glad to show you.",
    "My neighbour keeps bees. In June she gives away more than she sells, since the jars take up every shelf. Her "
    "grandfather wrote down the weather each evening for forty years, and she still goes on with it.",
    "Could you open the window a little? No, not that one, the small one over the sink. Thank you. Now the radio is "
    "too loud, the cat wants out, and I cannot find my glasses. They are on my head, of course.",
)


def without(words: Sequence[str], paragraphs: Sequence[str]) -> list[str]:
    """The paragraphs in which none of the words or phrases is said."""
    patterns = [rf"\b{re.escape(word)}\b" for word in words]
    return [text for text in paragraphs if not any(re.search(one, text, re.IGNORECASE) for one in patterns)]
