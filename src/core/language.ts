/**
 * In which language a text is written: a guess good enough to choose a model by. Most scripts tell by themselves; languages in
 * Latin letters by their commonest words. Short texts, mixed ones and languages that are not listed here give `und`.
 */
const scripts: readonly (readonly [RegExp, string])[] = [
  [/[\u3040-\u30ff]/g, 'ja'],
  [/[\uac00-\ud7af\u1100-\u11ff]/g, 'ko'],
  [/[\u0400-\u04ff]/g, 'ru'],
  [/[\u0600-\u06ff]/g, 'ar'],
  [/[\u0590-\u05ff]/g, 'he'],
  [/[\u0900-\u097f]/g, 'hi'],
  [/[\u0e00-\u0e7f]/g, 'th'],
  [/[\u0370-\u03ff]/g, 'el'],
  [/[\u4e00-\u9fff\u3400-\u4dbf]/g, 'zh'],
];
/** Letters that the language named has and the other one of its script has not. */
const telling: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  ru: [[/[іїєґІЇЄҐ]/, 'uk']],
  ar: [[/[پچژگ]/, 'fa']],
};

const words: Readonly<Record<string, string>> = {
  en: 'the and of to is that it for you was with on are this have not be what how can',
  de: 'der die und ist das nicht ich ein zu es mit auf für wie was den eine sie von auch',
  fr: 'le la les et est des une que pour dans qui pas sur avec ce il je vous comment du',
  es: 'el los y es que una para por con las del se no como qué más su lo cómo muy',
  it: 'il di che è una per non con sono gli della come anche cosa più nel questo ho si lo',
  pt: 'o os e é uma para não com como mais do da que em você por isso ao às são',
  nl: 'de het een en van is dat niet met voor ik zijn op hoe wat aan ook maar te je',
  pl: 'i w nie na jest to się z że jak do co czy dla o tak po są ma jego',
  tr: 've bir bu için ne ile de da mi çok nasıl gibi daha olan ben var değil bana en o',
  vi: 'và là của không một có cho các tôi được người này với trong như thế nào để bạn khi',
};
const languagesOf = new Map<string, string[]>();
for (const [language, list] of Object.entries(words))
  for (const word of list.split(' ')) languagesOf.set(word, [...(languagesOf.get(word) ?? []), language]);

const sample = 2000;
/** Words in a row that are looked at, and how many of them must be common ones. */
const leastHits = 2;
const leastShare = 0.15;

export function guessLanguage(text: string): string {
  const looked = text.slice(0, sample);
  const letters = looked.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return 'und';
  // Japanese is written with Chinese characters, too; never the other way round.
  for (const [expression, language] of scripts) {
    const found = looked.match(expression)?.length ?? 0;
    if (found < letters * (language === 'ja' ? 0.1 : 0.4)) continue;
    return telling[language]?.find(([letter]) => letter.test(looked))?.[1] ?? language;
  }
  return latin(looked);
}

function latin(text: string): string {
  const hits = new Map<string, number>();
  const said = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  for (const word of said)
    for (const language of languagesOf.get(word) ?? []) hits.set(language, (hits.get(language) ?? 0) + 1);
  const [best, next] = [...hits].sort(([, a], [, b]) => b - a);
  if (!best || best[1] < leastHits || best[1] < said.length * leastShare) return 'und';
  return next && next[1] === best[1] ? 'und' : best[0];
}
