"""How finished an English text sounds. Pure.

The order matters: asking for time, short answers, what hangs at the end, then what closes a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from asr_server.completeness.degree import Completeness


def judge(clauses: Sequence[str], expecting: str) -> Completeness:
    """At least one clause in lower case, without punctuation and with single spaces."""
    last = _FILLER_START.sub("", clauses[-1])
    count = len(last.split())
    if _HELD.search(last):
        return Completeness.HELD
    hangs = _HANGS.search(last) is not None and not _FINISHES_ANYWAY.search(last)
    if expecting == "yes_no" and _YES_NO.fullmatch(last):
        return Completeness.COMPLETE
    if not hangs and _answers(last, count, expecting):
        return Completeness.COMPLETE
    if hangs:
        return Completeness.UNFINISHED
    if len(clauses) == 1 and _BEGINS_ONLY.match(last):
        return Completeness.UNSURE if expecting == "open" else Completeness.UNFINISHED
    if len(clauses) == 1 and _SETTING_ONLY.fullmatch(last):
        return Completeness.UNSURE if expecting == "open" else Completeness.UNFINISHED
    if _NUMBER.search(last) and not _FINISHES_ANYWAY.search(last) and not _COUNTED.search(last):
        return _number(last, expecting)
    if _FINISHES_ANYWAY.search(last) or _WHOLE.fullmatch(last):
        return Completeness.COMPLETE
    if count >= 3 and (_QUESTION.search(last) or _STATEMENT.search(last)):
        return Completeness.COMPLETE
    return Completeness.COMPLETE if count >= 2 and _COMMAND.search(last) and not _BARE.fullmatch(last) else _UNSURE


_UNSURE = Completeness.UNSURE


def _answers(last: str, count: int, expecting: str) -> bool:
    """A short answer to what the toy asked."""
    match expecting:
        case "name":
            return count <= 2 or _NAMED.fullmatch(last) is not None
        case "number":
            return count >= 2 and _QUANTITY.search(last) is not None
        case "open":
            return count <= 4 and not _NUMBER.search(last) and not _SETTING_ONLY.fullmatch(last)
    return False


def _number(last: str, expecting: str) -> Completeness:
    """More digits may follow ("twenty" ... "five"); a lone one, or a telephone number half said, surely goes on."""
    if expecting == "number" or (_COMMAND.search(last) and not _CALLS.search(last)):
        return Completeness.UNSURE
    digits = _SPOKEN_DIGITS.search(last)
    half_said = digits is not None and len(digits[0].split()) < _TELEPHONE_DIGITS
    tens = _TENS.search(last) is not None and "percent" not in last
    return Completeness.UNFINISHED if half_said or tens or len(last.split()) == 1 else Completeness.UNSURE


_TELEPHONE_DIGITS = 10
_FILLER_START = re.compile(r"^((um+|uh+|er|hmm+|oh|so|okay|ok|well|and|please|no|but) )+(?=\w)")
_HELD = re.compile(
    r"^(please )?(wait|wait wait|wait for me|hold on|hang on|one (moment|second|sec|minute)|just (a|one) (moment|"
    r"second|sec|minute)|"
    r"hold on a (second|sec|minute|moment)|hang on a (second|sec|minute)|(wait|give me) (just )?(a|one) (second|"
    r"sec|minute|moment)|"
    r"not yet)( please)?$|(let me|i need to|i have to|i'm still) (think|thinking|see|think about (it|that)|"
    r"think for a (second|moment|minute))$|"
    r"(let me see|i'm thinking|hold on|hang on|wait a (second|sec|minute|moment)|give me a (second|sec|minute|"
    r"moment))$"
)
_YES_NO = re.compile(
    r"(yes|yeah|yep|yup|yes it is|no|no way|nope|nah|sure|ok|okay|right|correct|not now|no thanks|no thank you|"
    r"yes please|of course|"
    r"not really|maybe|i do|i don't|i am|i'm not|yes i do|no i don't|i think so|i don't think so|sometimes|"
    r"absolutely|never|not yet)"
)
_NAMED = re.compile(r"(my name is|my name's|i'm|i am|it's|this is|call me|you can call me|they call me) \w+( \w+)?")
_QUANTITY = re.compile(
    r"(\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|"
    r"seventy|eighty|ninety|"
    r"hundred|thousand|a|half) (years?( old)?|minutes?|hours?|seconds?|days?|weeks?|months?|dollars?|euros?|"
    r"pounds?|degrees?|percent|"
    r"times?|of (them|us|those)|people|pieces?|o'clock|pm|am)$"
)
_HANGS = re.compile(
    r"(^|\s)(and|or|but|so|because|if|when|while|then|than|that|which|who|whose|where|how|why|what|the|a|an|my|"
    r"your|his|her|our|their|its|"
    r"of|to|in|on|at|for|from|with|without|about|into|onto|by|as|like|between|under|over|after|before|until|since|"
    r"through|during|"
    r"is|are|was|were|am|be|been|do|does|did|have|has|had|can|could|would|should|will|must|might|may|isn't|aren't|"
    r"i|we|they|he|she|"
    r"it's|i'm|i've|i'll|i'd|you're|he's|she's|we're|they're|that's|there's|what's|where's|who's|how's|let's|gonna|"
    r"wanna|um|uh|er|hmm|"
    r"well|actually|basically|maybe|either|neither|although|though|unless|whether|instead|such|very|really|quite|"
    r"too|more|most|every|"
    r"each|another|not|just|only|also|favourite|favorite|because of|please tell me|tell me|show me|give me|"
    r"remind me|gave me|teach me|"
    r"i want|i need|i like|i love|i think|i thought|i guess|i wonder|i mean|i know|i bought|i got|called|named|"
    r"i said|he said|she said|you know|"
    r"do you know|do you think|for example|how about|what about|what if|how many|how much|as soon|please|turn on|"
    r"turn off|switch on|"
    r"point|plus|minus|times|percent of|going to|want to|there|around|(?:a|an|the|my) (?:big|small|little|very|new|"
    r"good|nice|great|red|blue|green|old|whole)|"
    r"it is|it was|can you|could you|would you|will you|shall we|may i|can i|could i|it costs?|call|play a|(do|"
    r"does|did|can|could|would|will|should|have|has|had|are|were|is|was) (you|it|he|she|they|we|i|the \w+)|"
    r"want you|there any|there some)$"
)
_FINISHES_ANYWAY = re.compile(
    r"((what|where|who|how|when|why)\b.* (it|he|she|that|this|they|you|we|i) (is|are|was|were|am|do|does|did|can|"
    r"will)|"
    r"who am i|who (is|was) (that|this|he|she|it)|what (is|was) (that|this|it for|it like)|where (am i|are they|"
    r"are we|is (he|she|it))|how (far|old|long|big|tall|much|fast|heavy|deep|high) (is|are|was|were) (you|it|he|"
    r"she|they|the \w+)|"
    r"(know|tell me|remember|wonder|guess) (what|who|where|how) .+ (is|are|was|were|called)|what (time|day|year|"
    r"colour|color) is it|(so|guess|say|now) what|tell me why|"
    r"that's (why|how|what|who)|"
    r"how (am|are|is) \w+|(turn|switch|put) (it|that|this|them) (on|off|up|down)|\w+ \w+ (turn|switch) (it|that|"
    r"this) (on|off)|"
    r"what (is|are|was|were) \w+ (for|like|about|from|made of|talking about)|^i (do|am|can|will)|^yes i (do|am|can|"
    r"will|have)|"
    r"no i (do|am|can|will)|where .+ from|i think so|do that|like (that|this|it)|(come|go) (in|on)|(i|you|"
    r"we) (don't|do not) know|"
    r"(don't|didn't|doesn't|do|did) (like|want|need) (it|that|this|you|him|her|them)|love you|love (it|that|this)|"
    r"(do|did|can|could|would|will) (you|he|she|they|we) (like|want|know|see|do|hear|make|eat|need) (it|that|this)|"
    r"(turn|switch) (on|off) (it|that|this)|me too|(what|how) about (you|me|him|her|them|us|this|that|it|tomorrow|"
    r"today)|^you|"
    r"(stop|repeat|say|leave|do|try|show|open|close|read|play|want|need) (it|that|this)( please| again| now)?|"
    r"thank you|"
    r"^(?!(can|could|would|will) you please$).+ please|(what|how much) (is|are) .+ (plus|minus|times|and|"
    r"divided by) \w+|(again|today|tomorrow|yesterday|now) please|"
    r"(what|how many|how much|which) .+ (have|has|do|need|want|eat|make|weigh|cost)|(love|miss|like|see|hate|with|"
    r"to|for|from) (her|him)|\b(who|what|where|how|why) (is|are|was|were|am) (you|it|they|he|she|we|i)|what (do|"
    r"does|did|can|could|would|should|will|are|is) (you|he|she|it|they|we|i) (do|want|like|eat|mean|say|see|know|"
    r"think))$"
)
_BEGINS_ONLY = re.compile(
    r"(if|when|while|although|though|unless|as soon as|whenever|because|since|until|before|after|once) "
    r"(i|you|he|she|it|we|they|the|my|your|there|i'm|it's|you're|we're|mom|dad|of)\b(?!.* (will|then|would|can|am|"
    r"we will) .*)(?!.* (i|we|he|she|they) \S+)|"
    r"^(the|a|an|my|your|his|her|some|between|about|in|at|on) \w+ (who|which|in|of|about|that)\b.{0,12}$"
)
_SETTING_ONLY = re.compile(
    r"(yesterday|tomorrow|today|tonight|last (night|week|year|time)|next (week|year|time)|(in|this) the? ?(morning|"
    r"afternoon|evening)|"
    r"on (monday|tuesday|wednesday|thursday|friday|saturday|sunday)|one day|once upon a time|after (school|lunch|"
    r"dinner|that)|"
    r"at (night|noon|first)|(the|my|your|his|her) (first|second|next|last|best) (thing|one|time)|sometimes|usually|"
    r"then|first|instead of)"
)
_NUMBER_WORD = (
    r"(\d+|zero|oh|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|"
    r"fifty|sixty|seventy|"
    r"eighty|ninety|hundred|thousand|million)"
)
_NUMBER = re.compile(rf"(^|[\s-]){_NUMBER_WORD}$")
_SPOKEN_DIGITS = re.compile(
    r"((zero|oh|one|two|three|four|five|six|seven|eight|nine|\d) ){1,}(zero|oh|one|two|three|four|five|six|seven|"
    r"eight|nine|\d)$"
)
_TENS = re.compile(r"\b(costs?|is|are|have|got) (twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|\w+ hundred)$")
_COUNTED = re.compile(r"(no|good|nice|new|bad|this|that|which|every|another|the (first|last|next|red|blue|other)) one$")
_CALLS = re.compile(r"\b(call|dial|number)\b")
_QUESTION = re.compile(
    r"^(what|what's|who|who's|where|where's|when|when's|why|how|how's|which|is|are|was|were|do|does|did|can|could|"
    r"will|would|should|"
    r"have|has|may|shall|don't|isn't|aren't|can't|won't)\s+\S+"
)
_COMMAND = re.compile(
    r"^(please |can you |could you |would you |will you |you )?(please )?(turn|set|play|stop|pause|open|close|tell|"
    r"sing|start|show|make|go|"
    r"say|switch|increase|decrease|raise|lower|mute|help|wake|remind|read|count|repeat|call|find|give|put|skip|"
    r"spell|teach|let's|leave|"
    r"listen|look|add|next|check|translate|explain|dance|try|come|get|send|write|draw|guess)\b"
)
_BARE = re.compile(
    r".* (this|these|those)|(please )?(tell|show|give|teach|remind|help|wake|let|make|get|find|send|call|sing|"
    r"read) (me|us|him|her|them|it)|turn (it|the \w+)|"
    r"(play|read|sing|tell|find|open|close|start) \w+|set (it|the \w+)"
)
_WHOLE = re.compile(
    r"(hello|hi|hey|hi there|hello there|good (morning|night|evening|afternoon)|bye|goodbye|bye bye|thanks|"
    r"thank you|stop|help|never mind|"
    r"nevermind|louder|quieter|pause|continue|cancel|next|skip|next (song|one)|previous (song|one)|again|"
    r"one more time|shut up|be quiet|"
    r"go ahead|open (it|the \w+)|close (it|the \w+)|stop it|stop the \w+|let's go|help me|what|me too|sing (a|"
    r"the) song|volume (up|down)|"
    r"that's (right|funny|great|good|nice|wrong|cool|it|all|enough|true)|you're (funny|nice|great|right|wrong|"
    r"welcome|cute|smart|silly)|"
    r"i'm (hungry|tired|bored|happy|sad|cold|hot|thirsty|sick|fine|good|okay|sorry|done|back|home|ready|scared|"
    r"lonely|sleepy)|"
    r"it's (raining|snowing|cold|hot|late|funny|great|fine|okay|nice|true|done|wrong|me))( (now|too|again|please|"
    r"today|zhiyin|everyone))?"
)
_STATEMENT = re.compile(
    r"^(i|you|he|she|it|we|they|my \w+|the \w+|this|that|there|it's|i'm|he's|she's|we're|they're|you're|that's|"
    r"everybody|nobody)\s"
    r"((really|just|already|also|always|never|still|have|had|am|was|were|will|can|can't|could|don't|didn't|doesn't|"
    r"do|would|don't) )*"
    r"\S+ (\S+ )*(it|that|this|you|him|her|them|us|me|today|(for|to) (breakfast|lunch|dinner|bed|school|work|"
    r"sleep)|(years|months) old|one|yesterday|tomorrow|already|again|now|home|here|well|much|a lot|\w+ly|"
    r"(great|good|nice|bad) (day|time|idea|night|morning|one)|my (homework|breakfast|lunch|dinner))$"
)
