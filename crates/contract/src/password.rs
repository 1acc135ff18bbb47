//! Passwords: how they are compared, and which are none.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, de::Error};

use crate::text;

/// The form that a password is hashed and compared in, whatever keyboard it was typed on: spaces of all kinds
/// are the space, and characters are composed (RFC 8265, 4.2, the OpaqueString profile). Nothing is trimmed
/// and no case is folded.
#[must_use]
pub fn comparable(password: &str) -> String {
    let spaced: String = password
        .chars()
        .map(|it| if it.is_whitespace() && !it.is_control() { ' ' } else { it })
        .collect();
    text::nfc(&spaced).into_owned()
}

/// A text that cannot be a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Composed, it has fewer than eight characters.
    #[error("must be {MIN} to {MAX} characters")]
    Length,
    /// It shows nothing but blanks.
    #[error("must not be blank")]
    Blank,
    /// It is one that is tried first.
    #[error("is one of the most common passwords: choose one that others do not have")]
    Common,
}

/// The fewest characters of a password (NIST SP 800-63B, 5.1.1.2).
const MIN: usize = 8;

/// The most characters of a password.
const MAX: usize = 128;

/// Checks a new password. One that is in use already stays in use.
///
/// # Errors
/// [`InvalidPassword`].
pub fn check(password: &str) -> Result<(), InvalidPassword> {
    let password = comparable(password);
    if !(MIN..=MAX).contains(&password.chars().count()) {
        return Err(InvalidPassword::Length);
    }
    if text::clean(&password).is_empty() {
        return Err(InvalidPassword::Blank);
    }
    if COMMON.contains(password.to_lowercase().as_str()) {
        return Err(InvalidPassword::Common);
    }
    Ok(())
}

/// Reads a new password of a request.
pub(crate) fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let password = String::deserialize(deserializer)?;
    check(&password).map_err(D::Error::custom)?;
    Ok(password)
}

/// Reads a new password of a request that may be null.
pub(crate) fn given_or_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let password = <Option<String>>::deserialize(deserializer)?;
    password.as_deref().map_or(Ok(()), check).map_err(D::Error::custom)?;
    Ok(password)
}

/// The passwords of at least eight characters that people choose most, in lower case: those that lists of
/// stolen passwords agree on. They are what is tried first at every account.
static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "
    password password1 password2 password3 password7 password9 password01 password11 password12 password13
    password21 password69 password99 password123 password1234 password12345 password! password1! password123!
    password@123 passw0rd passw0rd1 passw0rd! p@ssword p@ssword1 p@ssword123 p@ssw0rd p@ssw0rd1 p@ssw0rd123
    pa$$w0rd pa$$word passwort passwort1 passport contraseña motdepasse mypassword newpassword mypassword1
    12345678 123456789 1234567890 12345678910 0123456789 01234567 87654321 987654321 9876543210 0987654321
    123123123 12341234 12121212 123321123 12344321 123454321 123456123 123456789a 123456789q 12345678a
    12345678q 1234567a 1234567q 123456aa 123456abc 123456qwe 1234abcd 1234qwer 123qweasd 123qweasdzxc 12qwaszx
    123abc123 123123qwe 123qwe123 12345qwert 123456qwerty 123654789 147258369 1472583690 159357456 159753456
    741852963 789456123 7894561230 741258963 963852741 321654987 10203040 11223344 1122334455 112233445566
    11112222 11221122 12312312 13131313 14141414 19841984 19851985 20202020 21212121 22446688 55667788
    00000000 000000000 0000000000 11111111 111111111 1111111111 22222222 33333333 44444444 55555555 5555555555
    66666666 77777777 88888888 99999999 999999999 9999999999 00001111 10101010 69696969 12345679 11235813
    31415926 314159265 01012000 01011980 01011990 19871987 20012001 20002000 123456as 1q2w3e4r 1q2w3e4r5t
    1q2w3e4r5t6y 1qaz2wsx 1qaz2wsx3edc 1qazxsw2 1qaz1qaz 1q2w3e4r5 q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 qaz123wsx
    qazwsxedc qazwsx123 qazwsx12 qazxswedc zaq12wsx zaq1zaq1 zaq1xsw2 xsw2zaq1 zxcvbnm1 zxcvbnm123 zxcvbnm,
    zxcvbnm,./ zxcvbnmz asdfghjk asdfghjkl asdfghjkl; asdfghjkl1 asdf1234 asdfasdf asdfjkl; asdqwe123 asd123456
    asdzxc123 asdfqwer asdfzxcv a1s2d3f4 a1b2c3d4 a1b2c3d4e5 a1234567 a12345678 a123456789 a1a2a3a4 aa123456
    aa12345678 ab123456 abc12345 abc123456 abc123abc abcd1234 abcd12345 abcde123 abcdef123 abcdefgh abcdefg1
    abcdefghi abcabc123 abc123456789 qwertyui qwertyuiop qwertyuio qwerty12 qwerty123 qwerty1234 qwerty12345
    qwerty123456 qwerty1! qwerty11 qwerty77 qwertyqwerty qwertz123 qwertzui qwertzuiop qwer1234 qwer4321
    qwerqwer qwert123 qwert1234 qwert12345 qweqweqwe qweasdzxc qweasd123 qwe123456 qwe123qwe azertyuiop azerty123
    poiuytrewq lkjhgfdsa mnbvcxz1 0okm9ijn 1234567890- 1234567890q !qaz2wsx !@#$%^&* q1q1q1q1 z1x2c3v4
    iloveyou iloveyou1 iloveyou2 iloveyou! iloveyou12 iloveyou123 iloveu123 ilovegod iloveme1 iloveyou3 iloveyou7
    iloveyou22 loveyou1 lovelove lovely123 loveyou123 loveme123 sunshine sunshine1 sunshine2 princess princess1
    princess12 princess123 football football1 football12 football123 baseball baseball1 baseball12 basketball
    basketball1 superman superman1 superman123 batman123 spiderman spiderman1 starwars starwars1 trustno1
    trustno11 whatever whatever1 jennifer jennifer1 michelle michelle1 michael1 michael123 jessica1 jessica123
    jordan23 charlie1 charlie123 daniel123 andrew123 anthony1 anthony123 ashley123 nicole123 thomas123 robert123
    elizabeth elizabeth1 alexander alexander1 alexandra alexandr victoria victoria1 veronica patricia caroline
    christian christin christine christopher stephanie samantha samantha1 danielle danielle1 benjamin benjamin1
    jonathan jonathan1 nicholas nicholas1 isabella gabriela gabriel1 sebastian fernando franklin scorpion
    scorpio1 computer computer1 computer123 internet internet1 internet123 welcome1 welcome2 welcome12 welcome123
    welcome1234 welcome01 welcome1! welcome@123 admin123 admin1234 admin12345 admin123456 admin@123 administrator
    admin888 adminadmin root1234 rootroot changeme changeme1 changeme123 letmein1 letmein12 letmein123 letmeinn
    default1 default123 testtest test1234 test12345 test123456 testing1 testing123 guest123 guestguest user1234
    user12345 username temp1234 temporary demo1234 login123 logmein1 secret12 secret123 topsecret private1
    master12 master123 mustang1 corvette mercedes ferrari1 porsche1 chevrolet dragon12 dragon123 dragonball
    monkey12 monkey123 shadow12 shadow123 killer12 killer123 hunter12 hunter123 pokemon1 pokemon123 naruto123
    minecraft minecraft1 fuckyou1 fuckyou2 fuckyou123 fuckyou! asshole1 bullshit butthead blink182 slipknot
    slipknot1 metallica metallica1 nirvana1 greenday liverpool liverpool1 liverpool123 chelsea1 chelsea123
    arsenal1 arsenal123 manchester manunited barcelona barcelona1 realmadrid juventus1 steelers steelers1
    cowboys1 yankees1 lakers24 redsox04 packers1 patriots raiders1 eagles12 dolphins dolphin1 tinkerbell
    butterfly butterfly1 beautiful beautiful1 chocolate chocolate1 strawberry blueberry sweetheart sweetie1
    cheesecake cocacola cookie123 cutiepie babygirl babygirl1 babygirl12 babyboy1 playboy1 blessed1 jesus123
    jesuschrist ihateyou family123 forever1 friends1 friendship flower123 happy123 hello123 hello1234 hello12345
    hellohello hellokitty helloworld goodluck heather1 hannah123 kristina kimberly lauren123 matthew1 melissa1
    midnight midnight1 november december september february thunder1 thunderbird titanic1 tomcat12 traveler
    turtle12 undertaker united12 vanessa1 viktoria volleyball warcraft westside wildcats william1 winner12
    winston1 wolverine yamaha12 zachary1 zaqwsxcde zxcasdqwe zxcasdqwe123 zxcv1234 zxcvzxcv aaron431 access14
    airborne amsterdam asdfgh12 australia bigdaddy birthday blackberry bluebird brooklyn bulldogs california
    cardinal carolina champion cherokee chester1 cleopatra columbia creative crystal1 darkness derrick1
    director einstein elephant emmanuel enterprise everton1 explorer fireball firebird freedom1 ghost123
    gateway1 goldfish gangster godzilla hallo123 hardcore hawaii50 hercules hongkong icecream infinity
    inuyasha isabelle jackson5 jamesbond jasmine1 johnjohn kawasaki lollipop loverboy maradona marlboro
    marina123 maverick maxwell1 mickey12 mightymouse miracle1 monalisa monster1 mountain napoleon newyork1
    nintendo number01 number11 panasonic peaches1 personal phoenix1 platinum precious predator producer
    qwerasdf rainbow1 remember rockstar rosebud1 salasana samsung1 samsung123 sandiego santiago saturday
    scarface security security1 senha123 seinfeld serenity simpsons skywalker snickers snowball softball something spitfire
    stalker1 stardust stargate summer12 summer123 summer01 summer2020 summer2021 summer2022 summer2023 summer2024
    summer2025 summer2026 winter12 winter123 winter2020 winter2021 winter2022 winter2023 winter2024 winter2025
    winter2026 spring2024 spring2025 spring2026 autumn2024 autumn2025 autumn2026 sunflower superstar surfing1
    swordfish targaryen teddybear teacher1 terminator therock1 tiffany1 tigger12 toshiba1 tottenham trinity1 triathlon
    "
    .split_whitespace()
    .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8265, 4.3: case, blanks at the ends and compatibility characters count; spelling does not.
    #[test]
    fn a_password_is_compared_in_one_spelling() {
        assert_eq!(comparable("Pa\u{308}ssword"), comparable("P\u{e4}ssword"));
        assert_eq!(comparable("foo\u{1680}bar"), "foo bar");
        assert_eq!(comparable("a\u{3000}b\u{a0}c"), "a b c");
        for (one, other) in
            [("Foo bar", "foo bar"), (" foo", "foo"), ("\u{2163}", "IV"), ("\u{2666}", "\u{2665}")]
        {
            assert_ne!(comparable(one), comparable(other), "{one} {other}");
        }
    }

    #[test]
    fn what_others_have_and_what_is_too_short_is_no_new_password() {
        for common in
            ["password", "Password", "PASSWORD", "12345678", "qwertyuiop", "1q2w3e4r", "P@ssw0rd"]
        {
            assert_eq!(check(common), Err(InvalidPassword::Common), "{common}");
        }
        for blank in [
            "        ",
            "\u{3000}\u{3000}\u{3000}\u{3000}\u{a0}\u{a0}\u{a0}\u{a0}",
            "        \u{200b}",
        ] {
            assert_eq!(check(blank), Err(InvalidPassword::Blank), "{blank:?}");
        }
        // Eight code points, four characters.
        for short in ["1234567", &"a\u{308}".repeat(4), &"x".repeat(129)] {
            assert_eq!(check(short), Err(InvalidPassword::Length), "{short}");
        }
        for fine in [
            "correct horse",
            "  blanks at the ends  ",
            &"a\u{308}".repeat(8),
            &"\u{1f39f}".repeat(128),
        ] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
    }

    /// An entry that no password can be equal to does nothing.
    #[test]
    fn every_common_password_could_be_typed() {
        for common in &*COMMON {
            assert_eq!(check(common), Err(InvalidPassword::Common), "{common}");
        }
        assert!(COMMON.len() > 600, "{}", COMMON.len());
    }
}
