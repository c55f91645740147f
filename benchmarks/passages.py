"""Openings of public-domain books in several languages, and endless text made of their words drawn at random.

Drawn at random, because a processor learns a text that repeats, and would run it faster than any real one.
"""

from __future__ import annotations

import random

PASSAGES = {
    "English": """It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season
of Darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had nothing before
us, we were all going direct to Heaven, we were all going direct the other way—in short, the period was so far like the
present period, that some of its noisiest authorities insisted on its being received, for good or for evil, in the
superlative degree of comparison only. There were a king with a large jaw and a queen with a plain face, on the throne
of England. “You’ll not be better pleased with my friend’s to-morrow,” said Mr. Lorry; “I don’t know.”""",
    "German": """Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte, fand er sich in seinem Bett zu einem
ungeheueren Ungeziefer verwandelt. Er lag auf seinem panzerartig harten Rücken und sah, wenn er den Kopf ein wenig hob,
seinen gewölbten, braunen, von bogenförmigen Versteifungen geteilten Bauch, auf dessen Höhe sich die Bettdecke, zum
gänzlichen Niedergleiten bereit, kaum noch erhalten konnte. Seine vielen, im Vergleich zu seinem sonstigen Umfang
kläglich dünnen Beine flimmerten ihm hilflos vor den Augen. »Was ist mit mir geschehen?« dachte er. Es war kein Traum.
Sein Zimmer, ein richtiges, nur etwas zu kleines Menschenzimmer, lag ruhig zwischen den vier wohlbekannten Wänden.""",
    "French": """Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient
si vite que je n’avais pas le temps de me dire : « Je m’endors. » Et, une demi-heure après, la pensée qu’il était temps
de chercher le sommeil m’éveillait ; je voulais poser le volume que je croyais avoir encore dans les mains et souffler
ma lumière ; je n’avais pas cessé en dormant de faire des réflexions sur ce que je venais de lire, mais ces réflexions
avaient pris un tour un peu particulier ; il me semblait que j’étais moi-même ce dont parlait l’ouvrage : une église,
un quatuor, la rivalité de François Ier et de Charles-Quint.""",
    "Russian": """Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. Все
смешалось в доме Облонских. Жена узнала, что муж был в связи с бывшею в их доме француженкою-гувернанткой, и объявила
мужу, что не может жить с ним в одном доме. Положение это продолжалось уже третий день и мучительно чувствовалось и
самими супругами, и всеми членами семьи, и домочадцами. Все члены семьи и домочадцы чувствовали, что нет смысла в их
сожительстве и что на каждом постоялом дворе случайно сошедшиеся люди более связаны между собой, чем они, члены семьи и
домочадцы Облонских. Жена не выходила из своих комнат, мужа третий день не было дома.""",
    "Chinese": """道可道，非常道。 名可名，非常名。 無名天地之始；有名萬物之母。 故常無欲，以觀其妙；常有欲，以觀其徼。
此兩者，同出而異名，同謂之玄。 玄之又玄，眾妙之門。 天下皆知美之為美，斯惡已。 皆知善之為善，斯不善已。 故有無相生，
難易相成，長短相較，高下相傾，音聲相和，前後相隨。
是以聖人處無為之事，行不言之教；萬物作焉而不辭，生而不有。 為而不恃，功成而弗居。
夫唯弗居，是以不去。 不尚賢，使民不爭；不貴難得之貨，使民不為盜；不見可欲，使民心不亂。""",
    "Japanese": """吾輩は猫である。 名前はまだ無い。 どこで生れたかとんと見当がつかぬ。 何でも薄暗いじめじめした所で
ニャーニャー泣いていた事だけは記憶している。 吾輩はここで始めて人間というものを見た。 しかもあとで聞くとそれは書生という
人間中で一番獰悪な種族であったそうだ。 この書生というのは時々我々を捕えて煮て食うという話である。
しかしその当時は何という考もなかったから別段恐しいとも思わなかった。""",
}


def make_text(language: str, size: int, seed: int = 1) -> bytes:
    """About `size` bytes of the passage's pieces between blanks, drawn at random."""
    pieces = PASSAGES[language].split()
    drawn = random.Random(seed).choices(pieces, k=size * len(pieces) // len(" ".join(pieces).encode()))
    return " ".join(drawn).encode()
