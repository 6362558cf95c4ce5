"""Word lists by language. Short and everyday on purpose: variety comes from combining them, not from their length."""

from __future__ import annotations

from typing import Final, NamedTuple


class Lexicon(NamedTuple):
    """The words of one language, and how its sentences are joined."""

    nouns: tuple[str, ...]
    verbs: tuple[str, ...]
    adjectives: tuple[str, ...]
    joints: tuple[str, ...]
    """Function words set between the others; never more than two in a row."""
    openings: tuple[str, ...]
    """How a question begins."""
    space: str = " "
    stop: str = "."
    ends: tuple[str, ...] = ("?", ".", ".", "!")
    """What a question ends with."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_EN_NOUNS = _words("""
account anchor answer apple archive artist attic autumn baker balcony bank barrel basket battery beach bell bench bicycle blanket boat border bottle branch
breakfast brick bridge budget button cabin cable calendar camera candle canvas carpet castle ceiling cellar ceramic charity cheese circuit clerk climate clinic clock cloud coach coast
collar column comet compass concert contract copper corner cottage cotton counter courier cousin cradle crane crystal curtain cushion customer dancer deadline desert diary dinner
doctor dolphin donkey drawer driver dune editor elbow engine envelope evening exhibit factory falcon farmer feather fence ferry festival fiddle filter flavour forest fountain frame
freezer funnel furnace galaxy garage garden garlic gate geyser ginger glacier glove granite guitar habit hammer handle harbour harvest hedge helmet hinge hobby honey hotel hydrant
iceberg index insect invoice island ivory jacket jeweller journal jungle kettle keyboard kitchen ladder lagoon lamp lantern lawyer leaflet ledger lemon letter library lighthouse linen
lizard lobby locker magnet mailbox manual maple market marble meadow medal melody merchant meteor mirror molecule monument mortgage mountain museum mustard napkin neighbour needle
nephew notebook novel nurse oasis oat ocean office olive onion opera orchard otter oven oyster paddle painter panel parcel parish passport pasture pastry pavement pebble
pelican pencil pension pepper permit piano pigeon pilgrim pillow pilot pine pipeline plaster plateau pocket poem polymer pottery prairie printer prism profit puddle pulley pupil
quarry quilt rabbit radiator railway rainbow rally ranger receipt recipe refund region rehearsal relative rental reptile reservoir resort ribbon river roof rubber saddle sailor salad
sandal satellite sauce scarf schedule scooter sculptor season sediment shadow shelf shepherd shipment shovel signal silver sketch sleeve slipper snail soil soldier sparrow spice spinach
spreadsheet stable stadium statue steeple storm stove street studio subway suitcase summer sunset supplier surgeon swamp sweater tailor tavern teacher telescope temple tenant terrace theatre
thermostat thread thunder ticket timber toaster tobacco tomato tournament tower tractor trailer treaty trench trophy trumpet tunnel turbine tutor twilight umbrella uncle uniform valley
vendor veranda vessel viaduct village vineyard violin visitor volcano voucher wagon walnut warehouse waterfall weather wedding whistle willow window winter workshop wrench yacht yarn zebra
""")
_EN_VERBS = _words("""
accept adjust admire alter approach arrange assemble attach balance blend boil borrow bring build calibrate carry carve charge chase choose clean climb collect combine compare compress
connect cook copy count cover cross cut deliver describe design detect discover divide draft drain draw drop dry earn elevate enjoy examine expand explore extend fasten fetch fill
find finish fit fix fold follow freeze gather grind grow guard guide handle harvest heat hide hold improve insert inspect install invite join keep label launch lend lift limit
link load lower maintain manage measure melt mend mix monitor mount move notice observe offer open order organise paint paste peel pick place plan plant polish pour prepare press
print produce protect pull push race reach rebuild recycle reduce refill remove rent repair replace rescue reserve restore reuse review rinse roast rotate sail save scan schedule seal
search select sell separate serve settle shake shape share shift ship sketch slice solve sort split spread stack steer stitch store stretch study supply support survey swap sweep
taste teach tie track trade train transfer translate travel trim tune twist unload update upgrade use visit warm wash watch water weigh weld widen wrap write
""")
_EN_ADJECTIVES = _words("""
able ancient angry awkward bitter blue bold brave brief bright broken calm careful cheap chilly clever clumsy coarse colourful compact cosy crisp crowded curious curved damp dark deep
delicate dense distant double dry dusty early elastic electric empty exotic faint famous fancy fertile firm flat formal fragile fresh frozen gentle giant golden grand green grey gritty
hairy happy heavy hidden hollow honest humid idle immense jagged joint keen large late lean light little local lonely loose loud loyal lucky mellow mild modern modest muddy narrow
neat nervous noisy northern odd old orange oval pale patient plain polite popular portable private proud purple quick quiet rapid rare raw red remote rigid ripe robust rough round rural
rusty salty sandy scarce secret shallow sharp shiny short silent simple sleepy slim slow small smooth soft solid southern spare spicy stable steady steep sticky still strange strict
strong sturdy subtle sudden sunny sweet swift tall tame tender thick thin tidy tight tiny tired tough tropical unusual urban useful vague vast vivid warm weary western wet wide wild wise wooden young
""")

ENGLISH: Final = Lexicon(
    _EN_NOUNS,
    _EN_VERBS,
    _EN_ADJECTIVES,
    (
        "the",
        "a",
        "my",
        "our",
        "near the",
        "with a",
        "and",
        "of the",
        "for",
        "before",
        "under the",
        "without",
        "to",
        "their",
        "beside",
        "while",
        "or",
        "into the",
        "about",
        "since",
        "after a",
        "from",
    ),
    (
        "how do I",
        "why does",
        "what is",
        "can you",
        "please help me",
        "is it true that",
        "I want to",
        "we need to",
        "could someone",
        "what happens when",
        "where should I",
        "who invented",
        "my problem:",
        "hello,",
        "quick question:",
        "write",
        "fix this:",
        "explain",
        "rewrite",
        "make me",
        "suggest",
        "summarise",
        "which",
        "compare",
        "when did",
        "draft",
        "translate",
        "give me",
        "so",
        "tell me about",
        "help",
        "I keep trying to",
        "any idea how to",
        "should we",
    ),
)

SPANISH: Final = Lexicon(
    _words("""casa perro libro ventana puerta camino ciudad playa montaña cocina mesa silla coche tren barco escuela amigo hermana abuelo trabajo dinero fiesta música guitarra canción lluvia invierno
        verano mercado manzana queso pan leche sopa receta jardín flor árbol río puente iglesia museo cuadro película teatro equipo partido entrenador viaje maleta billete hotel factura contrato oficina
        ordenador pantalla teclado archivo informe reunión cliente pedido tienda precio impuesto salud médico farmacia dolor sueño carta palabra idioma maestro alumno examen nota ciencia estrella planeta"""),
    _words("""comprar vender mirar abrir cerrar cocinar limpiar escribir leer cantar bailar viajar correr nadar pintar reparar buscar encontrar perder ganar medir pesar cortar mezclar servir guardar enviar
        recibir pagar ahorrar cambiar mejorar explicar preguntar contestar entender aprender enseñar dibujar plantar regar cosechar conducir aparcar organizar planear celebrar invitar ayudar"""),
    _words("""viejo nuevo grande pequeño alto bajo rápido lento frío caliente dulce salado amargo claro oscuro suave duro fuerte débil barato caro limpio sucio lleno vacío alegre triste tranquilo ruidoso
        antiguo moderno redondo plano largo corto ancho estrecho fresco seco húmedo amable serio"""),
    ("el", "la", "un", "mi", "con", "de la", "para", "sin", "y", "sobre", "en el", "por", "desde", "hasta", "su"),
    (
        "¿cómo puedo",
        "¿por qué",
        "quiero",
        "necesito",
        "¿qué pasa si",
        "ayúdame a",
        "¿dónde",
        "escribe",
        "dime",
        "¿cuál",
        "tengo una duda:",
        "hola,",
    ),
)
GERMAN: Final = Lexicon(
    _words("""Haus Hund Buch Fenster Garten Straße Stadt Strand Berg Küche Tisch Stuhl Auto Zug Schiff Schule Freund Schwester Großvater Arbeit Geld Feier Musik Geige Lied Regen Winter Sommer Markt Apfel
        Käse Brot Milch Suppe Rezept Blume Baum Fluss Brücke Kirche Museum Bild Film Theater Mannschaft Spiel Trainer Reise Koffer Fahrkarte Hotel Rechnung Vertrag Büro Rechner Bildschirm Tastatur Datei
        Bericht Sitzung Kunde Bestellung Laden Preis Steuer Arzt Apotheke Schmerz Schlaf Brief Wort Sprache Lehrer Schüler Prüfung Note Stern Planet Werkzeug Schraube"""),
    _words("""kaufen verkaufen ansehen öffnen schließen kochen putzen schreiben lesen singen tanzen reisen laufen schwimmen malen reparieren suchen finden verlieren gewinnen messen wiegen schneiden mischen
        servieren senden bezahlen sparen wechseln verbessern fragen antworten verstehen lernen zeichnen pflanzen gießen ernten fahren parken ordnen planen feiern einladen helfen"""),
    _words("""alt neu groß klein hoch niedrig schnell langsam kalt warm süß salzig bitter hell dunkel weich hart stark schwach billig teuer sauber schmutzig voll leer fröhlich traurig ruhig laut modern
        rund flach lang kurz breit schmal frisch trocken feucht freundlich ernst"""),
    ("der", "die", "das", "ein", "mein", "mit", "von der", "für", "ohne", "und", "über", "im", "bei", "seit", "nach dem"),
    (
        "wie kann ich",
        "warum",
        "ich möchte",
        "wir müssen",
        "was passiert, wenn",
        "hilf mir",
        "wo",
        "schreibe",
        "welche",
        "kurze Frage:",
        "hallo,",
        "nenne",
    ),
)
FRENCH: Final = Lexicon(
    _words("""maison chien livre fenêtre porte chemin ville plage montagne cuisine table chaise voiture train bateau école ami soeur travail argent fête musique guitare chanson pluie hiver été marché pomme
        fromage pain lait soupe recette jardin fleur arbre rivière pont église musée tableau film théâtre équipe match voyage valise billet hôtel facture contrat bureau écran clavier fichier rapport
        réunion client commande magasin prix impôt santé médecin douleur sommeil lettre mot langue maître élève examen note étoile planète outil"""),
    _words("""acheter vendre regarder ouvrir fermer cuisiner nettoyer écrire lire chanter danser voyager courir nager peindre réparer chercher trouver perdre gagner mesurer peser couper mélanger servir garder
        envoyer recevoir payer changer améliorer demander répondre comprendre apprendre dessiner planter arroser conduire garer organiser fêter inviter aider"""),
    _words("""vieux nouveau grand petit haut bas rapide lent froid chaud doux salé amer clair sombre dur fort faible cher propre sale plein vide joyeux triste calme bruyant moderne rond plat long court
        large étroit frais sec humide aimable sérieux"""),
    ("le", "la", "un", "mon", "avec", "de la", "pour", "sans", "et", "sur", "dans le", "par", "depuis", "jusqu'à", "son"),
    (
        "comment puis-je",
        "pourquoi",
        "je veux",
        "il faut",
        "que se passe-t-il si",
        "aide-moi à",
        "où",
        "écris",
        "quelle",
        "petite question :",
        "bonjour,",
        "donne",
    ),
)
CHINESE: Final = Lexicon(
    _words(
        "房子 小狗 书本 窗户 花园 街道 城市 海滩 山谷 厨房 桌子 椅子 汽车 火车 轮船 学校 朋友 姐姐 爷爷 工作 钱包 节日 音乐 吉他 歌曲 雨水 冬天 夏天 市场 苹果 奶酪 面包 牛奶 汤 菜谱 花朵 大树 河流 桥梁 博物馆 图画 电影 剧院 球队 比赛 教练 旅行 箱子 车票 酒店 发票 合同 办公室 电脑 屏幕 键盘 文件 报告 会议 客户 订单 商店 价格 税款 医生 药店 睡眠 信件 词语 老师 学生 考试 成绩 星星 行星 工具 螺丝"
    ),
    _words(
        "购买 出售 观看 打开 关闭 烹饪 打扫 书写 阅读 唱歌 跳舞 旅行 跑步 游泳 绘画 修理 寻找 丢失 赢得 测量 称重 切开 混合 保存 发送 收到 支付 节省 更换 改进 提问 回答 理解 学习 教授 种植 浇水 收获 驾驶 停放 整理 计划 庆祝 邀请 帮助"
    ),
    _words(
        "旧的 新的 大的 小的 高的 低的 快的 慢的 冷的 热的 甜的 咸的 苦的 明亮的 黑暗的 柔软的 坚硬的 强壮的 便宜的 昂贵的 干净的 空的 快乐的 悲伤的 安静的 吵闹的 现代的 圆的 长的 短的 宽的 窄的 新鲜的 干燥的 潮湿的"
    ),
    ("和", "在", "对于", "从", "用", "把", "以及", "关于", "到", "为了", "因为", "但是", "我的", "这个", "那些"),
    ("怎么", "为什么", "我想", "请帮我", "什么是", "如果", "哪里可以", "写一段", "请问", "你好,", "推荐"),
    space="",
    stop="。",
    ends=("？", "。"),  # noqa: RUF001 - Chinese is written with it
)

LANGUAGES: Final = (ENGLISH, SPANISH, GERMAN, FRENCH, CHINESE)

SYLLABLES: Final = _words("""ba be bi bo bu da de di do du fa fe fi fo ga ge go ka ke ki ko ku la le li lo lu ma me mi mo mu na ne ni no nu pa pe pi po ra re ri ro ru sa se si so su ta te ti to tu va ve vi vo xa za ze zo
    bran cor dal fen gar hol kel lun mar nor pel quin ras sol tam ver win yor zan thal""")
CODE_TYPES: Final = (
    "int",
    "str",
    "float",
    "bool",
    "list[int]",
    "dict[str, int]",
    "bytes",
    "Path",
    "Decimal",
    "set[str]",
    "tuple[int, int]",
    "date",
)
CODE_LANGUAGES: Final = ("Python", "TypeScript", "Go", "Rust", "Java", "SQL", "Kotlin", "C++", "bash", "Ruby")
