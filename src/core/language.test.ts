import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guessLanguage } from './language.ts';

const texts: Readonly<Record<string, string>> = {
  en: 'Please tell me what the weather is like in Bern, and how I can get to the station.',
  de: 'Bitte sag mir, wie das Wetter in Bern ist und ob ich mit dem Zug nicht zu spät komme.',
  fr: 'Dites-moi quel temps il fait dans la ville et comment je peux aller à la gare avec vous.',
  es: 'Dime qué tiempo hace en la ciudad y cómo se llega a la estación con el tren.',
  it: 'Dimmi che tempo fa in città e come si arriva alla stazione, non ho una mappa.',
  pt: 'Diga-me como está o tempo na cidade e como é que eu vou para a estação com você.',
  nl: 'Vertel me wat voor weer het is in de stad en hoe ik met de trein van hier kan gaan.',
  zh: '请告诉我伯尔尼的天气怎么样，以及如何去火车站。',
  ja: 'ベルンの天気と、駅への行き方を教えてください。',
  ko: '베른의 날씨와 역으로 가는 방법을 알려 주세요.',
  ru: 'Скажите, пожалуйста, какая погода в Берне и как пройти на вокзал.',
  uk: 'Скажіть, будь ласка, яка погода в Берні і як пройти на вокзал.',
  ar: 'من فضلك أخبرني عن الطقس في برن وكيف أصل إلى المحطة.',
  hi: 'कृपया मुझे बताएं कि बर्न में मौसम कैसा है।',
  el: 'Πες μου τι καιρό κάνει στη Βέρνη.',
};

for (const [language, text] of Object.entries(texts))
  test(`${language} is known by its letters or its words`, () => assert.equal(guessLanguage(text), language));

test('what says too little is of no language', () => {
  for (const text of ['', '42 + 17 = ?', 'ok', 'SELECT id FROM t', '{"a":[1,2,3]}', 'Xqzv brrt plonk'])
    assert.equal(guessLanguage(text), 'und', text);
});

test('a name in another script does not decide', () => {
  assert.equal(guessLanguage('What is the meaning of 東京 and how is it that you know?'), 'en');
});
